/**
 * FAT12, FAT16, FAT32 ("Microsoft FAT Specification", 2005). Nothing in its first sector has to change when a file does:
 * so both tables and every directory count, where each change of a file leaves a time or a length.
 */
import type { Extent } from '../partitions.ts';
import { BrokenStructure, type Reader } from '../reader.ts';
import { checkPower, type Probe } from './file-system.ts';

const MAX_DIRECTORIES = 4096;
const MAX_CLUSTERS_OF_DIRECTORY = 2048;
const DIRECTORY = 0x10;
const VOLUME_LABEL = 0x08;
const LONG_NAME = 0x0f;

interface Fat {
  bits: 12 | 16 | 32;
  cluster: number;
  firstData: number;
  table: Buffer;
  /** FAT12 and FAT16: the root directory has a place of its own. */
  root: Extent[] | number;
  tables: Extent;
}

interface Entry {
  name: string;
  directory: boolean;
  cluster: number;
}

export const probeFat: Probe = async (reader) => {
  const fat = await open(reader);
  if (!fat) return undefined;
  const directories: Extent[] = [];
  const queue: (Extent[] | number)[] = [fat.root];
  const seen = new Set<number>();
  for (let next = queue.pop(); next !== undefined && seen.size < MAX_DIRECTORIES; next = queue.pop()) {
    if (typeof next === 'number' && seen.has(next)) continue;
    if (typeof next === 'number') seen.add(next);
    const extents = typeof next === 'number' ? chain(fat, next) : next;
    directories.push(...extents);
    for (const entry of await list(reader, extents)) {
      if (entry.directory && entry.cluster >= 2) queue.push(entry.cluster);
    }
  }
  return { kind: 'fat', whole: [{ start: 0, bytes: 1024 }, fat.tables, ...directories], sampled: [] };
};

/** The names in a directory, given by its path; undefined when it is no FAT or has no such directory. */
export async function fatDirectory(reader: Reader, path: readonly string[]): Promise<string[] | undefined> {
  const fat = await open(reader);
  if (!fat) return undefined;
  let entries = await list(reader, typeof fat.root === 'number' ? chain(fat, fat.root) : fat.root);
  for (const name of path) {
    const found = entries.find((e) => e.directory && e.name.toLowerCase() === name.toLowerCase());
    if (!found) return undefined;
    entries = await list(reader, chain(fat, found.cluster));
  }
  return entries.map((e) => e.name);
}

async function open(reader: Reader): Promise<Fat | undefined> {
  if (reader.bytes < 4096) return undefined;
  const boot = await reader.read(0, 512);
  const small = boot.toString('latin1', 54, 57) === 'FAT';
  if (boot.readUInt16LE(510) !== 0xaa55 || !(small || boot.toString('latin1', 82, 87) === 'FAT32')) return undefined;
  const sector = checkPower(boot.readUInt16LE(11), 512, 4096, 'the sector size');
  const cluster = checkPower(sector * boot.readUInt8(13), 512, 256 * 1024, 'the cluster size');
  const reserved = boot.readUInt16LE(14) * sector;
  const copies = boot.readUInt8(16);
  const tableBytes = (boot.readUInt16LE(22) || boot.readUInt32LE(36)) * sector;
  if (copies < 1 || copies > 2) throw new BrokenStructure(`FAT cannot have ${copies} tables`);
  const rootBytes = boot.readUInt16LE(17) * 32;
  const rootStart = reserved + copies * tableBytes;
  const firstData = rootStart + Math.ceil(rootBytes / sector) * sector;
  const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
  const clusters = Math.floor((sectors * sector - firstData) / cluster);
  return {
    bits: clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32,
    cluster,
    firstData,
    table: await reader.read(reserved, tableBytes),
    root: rootBytes > 0 ? [{ start: rootStart, bytes: rootBytes }] : boot.readUInt32LE(44),
    tables: { start: reserved, bytes: copies * tableBytes },
  };
}

function chain(fat: Fat, first: number): Extent[] {
  const extents: Extent[] = [];
  let cluster = first;
  while (cluster >= 2 && extents.length < MAX_CLUSTERS_OF_DIRECTORY) {
    extents.push({ start: fat.firstData + (cluster - 2) * fat.cluster, bytes: fat.cluster });
    const next = follow(fat, cluster);
    if (next === undefined) break;
    cluster = next;
  }
  return extents;
}

/** The cluster after this one; undefined at the end of the chain. */
function follow({ bits, table }: Fat, cluster: number): number | undefined {
  const at = Math.floor((cluster * bits) / 8);
  if (at + (bits === 32 ? 4 : 2) > table.length) return undefined;
  if (bits === 32) {
    const next = table.readUInt32LE(at) & 0x0fffffff;
    return next < 0x0ffffff7 ? next : undefined;
  }
  const pair = table.readUInt16LE(at);
  const next = bits === 16 ? pair : cluster % 2 ? pair >> 4 : pair & 0x0fff;
  return next < (bits === 16 ? 0xfff7 : 0xff7) ? next : undefined;
}

async function list(reader: Reader, extents: readonly Extent[]): Promise<Entry[]> {
  const pieces = await Promise.all(extents.map((e) => reader.read(e.start, e.bytes)));
  const bytes = Buffer.concat(pieces);
  const entries: Entry[] = [];
  let long = '';
  for (let at = 0; at + 32 <= bytes.length && bytes[at] !== 0; at += 32) {
    const entry = bytes.subarray(at, at + 32);
    const attributes = entry.readUInt8(11);
    if (entry[0] === 0xe5) long = '';
    else if (attributes === LONG_NAME) long = longPart(entry) + long;
    else {
      const cluster = entry.readUInt16LE(20) * 65536 + entry.readUInt16LE(26);
      const isName = !(attributes & VOLUME_LABEL) && entry[0] !== 0x2e;
      if (isName) entries.push({ name: long || shortName(entry), directory: (attributes & DIRECTORY) !== 0, cluster });
      long = '';
    }
  }
  return entries;
}

function longPart(entry: Buffer): string {
  const utf16 = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]);
  return utf16.toString('utf16le').split(/[\0\uffff]/, 1)[0] ?? '';
}

function shortName(entry: Buffer): string {
  const base = entry.toString('latin1', 0, 8).trimEnd();
  const extension = entry.toString('latin1', 8, 11).trimEnd();
  return extension ? `${base}.${extension}` : base;
}
