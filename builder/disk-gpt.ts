/** GUID partition tables (UEFI specification 2.10, chapter 5), written as bytes: no loop device, no outside tool. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Bytes of a logical sector. 4Kn disks are not supported: firmware boots them in UEFI mode only. */
export const SECTOR = 512;

/** Partition type GUIDs that the images use. */
export const PARTITION_TYPE = {
  /** Where GRUB's core image lives on a BIOS machine. */
  biosBoot: '21686148-6449-6E6F-744E-656564454649',
  efiSystem: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  /** Root of an x86-64 Linux, by the Discoverable Partitions Specification. */
  linuxRootX86: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
} as const;

export interface Partition {
  type: string;
  guid: string;
  /** At most 36 UTF-16 units. */
  name: string;
  /** First sector. */
  firstLba: number;
  /** Last sector, which still belongs to the partition. */
  lastLba: number;
}

const ENTRIES = 128;
const ENTRY_BYTES = 128;
const TABLE_SECTORS = (ENTRIES * ENTRY_BYTES) / SECTOR;
/** Sectors before the first usable one: protective MBR, header, entries. The mirror at the end takes one less. */
const HEAD_SECTORS = 2 + TABLE_SECTORS;

/** A UUID that is the same for the same words, so that two builds give the same bytes. RFC 9562 version 8. */
export function fixedUuid(...words: string[]): string {
  const hash = createHash('sha256').update(words.join('\0')).digest().subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The on-disk form of a GUID: the first three groups are little-endian. */
export function guidBytes(guid: string): Buffer {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(guid)) throw new Error(`not a GUID: ${guid}`);
  const raw = Buffer.from(guid.replaceAll('-', ''), 'hex');
  raw.subarray(0, 4).reverse();
  raw.subarray(4, 6).reverse();
  raw.subarray(6, 8).reverse();
  return raw;
}

/**
 * The partition table of a disk.
 * @param options `sectors`: size of the disk in sectors of 512 bytes
 * @returns `head`: the first 34 sectors (protective MBR, header, entries); `tail`: the last 33 (entries, header)
 */
export function gpt(options: { sectors: number; diskGuid: string; partitions: readonly Partition[] }): {
  head: Buffer;
  tail: Buffer;
} {
  const { sectors, diskGuid, partitions } = options;
  const lastUsable = sectors - HEAD_SECTORS;
  checkPartitions(partitions, lastUsable);

  const entries = Buffer.alloc(ENTRIES * ENTRY_BYTES);
  for (const [i, p] of partitions.entries()) writeEntry(entries.subarray(i * ENTRY_BYTES), p);

  const header = (own: number, other: number, entriesAt: number) => {
    const h = Buffer.alloc(SECTOR);
    h.write('EFI PART', 0, 'latin1');
    h.writeUInt32LE(0x0001_0000, 8); // revision 1.0
    h.writeUInt32LE(92, 12); // bytes of the header
    h.writeBigUInt64LE(BigInt(own), 24);
    h.writeBigUInt64LE(BigInt(other), 32);
    h.writeBigUInt64LE(BigInt(HEAD_SECTORS), 40);
    h.writeBigUInt64LE(BigInt(lastUsable), 48);
    guidBytes(diskGuid).copy(h, 56);
    h.writeBigUInt64LE(BigInt(entriesAt), 72);
    h.writeUInt32LE(ENTRIES, 80);
    h.writeUInt32LE(ENTRY_BYTES, 84);
    h.writeUInt32LE(crc32(entries), 88);
    h.writeUInt32LE(crc32(h.subarray(0, 92)), 16); // with its own field still zero
    return h;
  };
  const last = sectors - 1;
  return {
    head: Buffer.concat([protectiveMbr(sectors), header(1, last, 2), entries]),
    tail: Buffer.concat([entries, header(last, 1, last - TABLE_SECTORS)]),
  };
}

function checkPartitions(partitions: readonly Partition[], lastUsable: number): void {
  let next = HEAD_SECTORS;
  for (const p of partitions) {
    if (p.firstLba < next || p.lastLba < p.firstLba || p.lastLba > lastUsable) {
      throw new Error(`partition ${p.name} (${p.firstLba} to ${p.lastLba}) does not fit into ${next} to ${lastUsable}`);
    }
    next = p.lastLba + 1;
  }
}

function writeEntry(entry: Buffer, p: Partition): void {
  guidBytes(p.type).copy(entry, 0);
  guidBytes(p.guid).copy(entry, 16);
  entry.writeBigUInt64LE(BigInt(p.firstLba), 32);
  entry.writeBigUInt64LE(BigInt(p.lastLba), 40);
  entry.write(p.name, 56, 72, 'utf16le');
}

/** One partition of type 0xEE over the whole disk, so that old tools see a full disk. */
function protectiveMbr(sectors: number): Buffer {
  const mbr = Buffer.alloc(SECTOR);
  const entry = Buffer.from([0, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0]);
  entry.writeUInt32LE(Math.min(sectors - 1, 0xffff_ffff), 12);
  entry.copy(mbr, 446);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}
