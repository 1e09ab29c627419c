/**
 * The header of an image file, read before any tool opens the file. A qcow2 may name other files (backing file,
 * external data file) that QEMU would open with our rights: such an image is refused by its own bytes, here.
 * Layout: docs/interop/qcow2.rst in QEMU.
 */

/** Bytes from the start that {@link readHeader} wants to see (or the whole file, if it is shorter). */
export const HEADER_BYTES = 112;

/** Limit of what we take as one disk: 16 TiB, what ext4 and the pool can hold. */
const MAX_DISK_BYTES = 16 * 1024 ** 4;

const MAGIC = Buffer.from('QFI\xfb', 'latin1');

/** Incompatible features (header offset 72) that are fine: dirty (0), zstd compression (3), extended L2 (4). */
const INCOMPATIBLE_OK = 0b1_1001n;
const EXTERNAL_DATA_FILE = 0b100n;
const CORRUPT = 0b10n;

export type ImageHeader = { kind: 'raw' } | { kind: 'qcow2'; diskBytes: number } | { kind: 'refused'; reason: string };

export function readHeader(head: Uint8Array): ImageHeader {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const other = otherFormat(bytes);
  if (other) return refused(`this is a ${other} file; qcow2 and raw can be imported`);
  if (!bytes.subarray(0, 4).equals(MAGIC)) return { kind: 'raw' };
  if (bytes.length < 72) return refused('the file ends inside its qcow2 header');
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) return refused(`qcow2 version ${version} is not known`);
  if (bytes.readBigUInt64BE(8) !== 0n) return refused('the image needs another file (it has a backing file)');
  if (bytes.readUInt32BE(32) !== 0) return refused('the image is encrypted');
  if (version === 3) {
    if (bytes.length < 104) return refused('the file ends inside its qcow2 header');
    const features = bytes.readBigUInt64BE(72);
    if (features & EXTERNAL_DATA_FILE) return refused('the image needs another file (it has an external data file)');
    if (features & CORRUPT) return refused('the image is marked as damaged');
    if (features & ~INCOMPATIBLE_OK) return refused('the image uses a qcow2 feature that is not known');
  }
  const diskBytes = bytes.readBigUInt64BE(24);
  if (diskBytes === 0n) return refused('the disk in the image has no size');
  if (diskBytes > BigInt(MAX_DISK_BYTES)) return refused('the disk in the image is larger than 16 TiB');
  return { kind: 'qcow2', diskBytes: Number(diskBytes) };
}

/** Formats that people try, and that would otherwise pass for a raw disk. */
function otherFormat(bytes: Buffer): string | undefined {
  const starts = (text: string) => bytes.subarray(0, text.length).equals(Buffer.from(text, 'latin1'));
  if (starts('KDMV') || starts('# Disk DescriptorFile')) return 'VMDK';
  if (starts('vhdxfile')) return 'VHDX';
  if (starts('conectix')) return 'VHD';
  if (starts('\x1f\x8b')) return 'gzip';
  if (starts('\xfd7zXZ')) return 'xz';
  if (starts('\x28\xb5\x2f\xfd')) return 'zstd';
  if (starts('PK\x03\x04')) return 'zip';
  return undefined;
}

function refused(reason: string): ImageHeader {
  return { kind: 'refused', reason };
}
