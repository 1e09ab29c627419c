import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { messageOf, UserError } from '#common/errors.ts';

export interface ImageFile {
  path: string;
  bytes: number;
  format: 'qcow2' | 'raw';
}

/** What else people try to import, by its first bytes. */
const OTHERS: readonly { magic: Buffer; what: string; format?: string }[] = [
  { magic: Buffer.from('KDMV'), what: 'a VMware disk', format: 'vmdk' },
  { magic: Buffer.from('# Disk DescriptorFile'), what: 'a VMware disk description', format: 'vmdk' },
  { magic: Buffer.from('vhdxfile'), what: 'a Hyper-V disk', format: 'vhdx' },
  { magic: Buffer.from('conectix'), what: 'a VHD disk', format: 'vpc' },
  { magic: Buffer.from('<<< '), what: 'a VirtualBox disk', format: 'vdi' },
  { magic: Buffer.from([0x1f, 0x8b]), what: 'compressed with gzip' },
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]), what: 'compressed with xz' },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), what: 'compressed with zstd' },
  { magic: Buffer.from('PK'), what: 'a ZIP or OVA archive' },
];

/** Looks at a file: qcow2 by its first bytes, else raw. @throws UserError for anything that cannot be a disk image */
export async function inspectImageFile(path: string): Promise<ImageFile> {
  const head = Buffer.alloc(64);
  let bytes: number;
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new UserError(`${path} is not a file`);
    bytes = info.size;
    const file = await open(path);
    await file.read(head, 0, head.length, 0).finally(() => file.close());
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  if (bytes === 0) throw new UserError(`${path} is empty`);
  if (head.subarray(0, 4).equals(Buffer.from([0x51, 0x46, 0x49, 0xfb]))) return { path, bytes, format: 'qcow2' };
  const other = OTHERS.find(({ magic }) => head.subarray(0, magic.length).equals(magic));
  if (other !== undefined) {
    throw new UserError(`${path} is ${other.what}, not a qcow2 or raw disk`, {
      hint:
        other.format === undefined
          ? 'Unpack it first.'
          : `Convert it first: qemu-img convert -f ${other.format} -O qcow2 FILE NEW.qcow2`,
    });
  }
  if (bytes % 512 !== 0) {
    throw new UserError(`${path} is no disk image: not qcow2, and its length is no multiple of 512 bytes`);
  }
  return { path, bytes, format: 'raw' };
}

/** Lower-case hex SHA-256 of the file; `onProgress` gets the bytes read so far. */
export async function hashFile(path: string, onProgress: (bytes: number) => void): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk);
    bytes += chunk.length;
    onProgress(bytes);
  }
  return hash.digest('hex');
}

/** A name for the image from the file's: `Debian 13 (lab).qcow2` -> `debian-13-lab`; undefined when nothing is left. */
export function nameFromFile(path: string): string | undefined {
  const name = basename(path)
    .replace(/\.[A-Za-z0-9]+$/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  return name.length >= 2 ? name : undefined;
}
