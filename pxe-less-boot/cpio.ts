/**
 * Writes a cpio archive of the "newc" kind that Linux unpacks as its initramfs (Documentation/driver-api/early-userspace/
 * buffer-format.rst). Names are sorted, owners, inode numbers and dates fixed: the same files give the same bytes.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

export type CpioEntry = { path: string; mode: number } & (
  | { kind: 'folder' }
  | { kind: 'symlink'; target: string }
  | { kind: 'device'; major: number; minor: number }
  | { kind: 'file'; content: Uint8Array | { file: string } }
);

const TYPE_BITS = { folder: 0o040000, symlink: 0o120000, device: 0o020000, file: 0o100000 } as const;

/**
 * The archive, in pieces. Parent folders that are not among the entries are added with mode 0755.
 * @param mtime seconds since the epoch, borne by every entry
 */
export async function* cpioArchive(entries: readonly CpioEntry[], mtime: number): AsyncGenerator<Uint8Array> {
  let inode = 1;
  for (const entry of withParents(entries)) {
    const size = await contentBytes(entry);
    yield header(entry, { inode: inode++, mtime, size });
    yield* content(entry);
    yield padding(size);
  }
  yield header(
    { kind: 'file', path: 'TRAILER!!!', mode: 0, content: new Uint8Array() },
    { inode: 0, mtime: 0, size: 0 },
    0,
  );
}

function withParents(entries: readonly CpioEntry[]): CpioEntry[] {
  const byPath = new Map<string, CpioEntry>();
  for (const entry of entries) {
    const parts = entry.path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/');
      if (!byPath.has(path)) byPath.set(path, { kind: 'folder', path, mode: 0o755 });
    }
    byPath.set(entry.path, entry);
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function contentBytes(entry: CpioEntry): Promise<number> {
  switch (entry.kind) {
    case 'folder':
    case 'device':
      return 0;
    case 'symlink':
      return Buffer.byteLength(entry.target);
    case 'file':
      return entry.content instanceof Uint8Array ? entry.content.length : (await stat(entry.content.file)).size;
    default:
      return entry satisfies never;
  }
}

async function* content(entry: CpioEntry): AsyncGenerator<Uint8Array> {
  if (entry.kind === 'symlink') yield Buffer.from(entry.target);
  if (entry.kind !== 'file') return;
  if (entry.content instanceof Uint8Array) yield entry.content;
  else
    for await (const piece of createReadStream(entry.content.file, { highWaterMark: 1 << 20 })) yield piece as Buffer;
}

/** Zero bytes up to the next multiple of four. */
function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}

function header(
  entry: CpioEntry,
  { inode, mtime, size }: { inode: number; mtime: number; size: number },
  type: number = TYPE_BITS[entry.kind],
): Uint8Array {
  if (size > 0xffff_ffff) throw new RangeError(`${entry.path}: a cpio file holds at most 4 GiB`);
  const name = Buffer.from(`${entry.path}\0`);
  const [major, minor] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
  const mode = type === 0 ? 0 : type | entry.mode;
  const links = entry.kind === 'folder' ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, mtime, size, 0, 0, major, minor, name.length, 0];
  const text = `070701${fields.map((f) => f.toString(16).toUpperCase().padStart(8, '0')).join('')}`;
  return Buffer.concat([Buffer.from(text), name, padding(text.length + name.length)]);
}
