/** Partition tables as they are on the disk: GPT (UEFI specification, chapter 5) and MBR with logical partitions. */
import { BrokenStructure, type Reader } from './reader.ts';

const SECTOR = 512;
/** 128 entries of 128 bytes are what everybody writes; a broken header may claim anything. */
const MAX_ENTRY_BYTES = 4 * 1024 * 1024;
const MAX_LOGICAL = 128;
const EXTENDED = new Set([0x05, 0x0f, 0x85]);

/** Bytes from the start of the disk. */
export interface Extent {
  start: number;
  bytes: number;
}

export interface PartitionTable {
  kind: 'gpt' | 'dos' | 'none';
  partitions: Extent[];
  /** Where the table itself is written. */
  tables: Extent[];
}

export async function readPartitionTable(reader: Reader): Promise<PartitionTable> {
  const mbr = await reader.read(0, SECTOR);
  const header = await reader.read(SECTOR, SECTOR);
  if (header.toString('latin1', 0, 8) === 'EFI PART') return await gpt(reader, header);
  const isMbr = mbr.readUInt16LE(510) === 0xaa55 && rows(mbr).every((r) => r.status === 0 || r.status === 0x80);
  return isMbr && rows(mbr).some((r) => r.type !== 0)
    ? await dos(reader, mbr)
    : { kind: 'none', partitions: [], tables: [] };
}

async function gpt(reader: Reader, header: Buffer): Promise<PartitionTable> {
  const count = header.readUInt32LE(80);
  const size = header.readUInt32LE(84);
  if (size < 128 || count * size > MAX_ENTRY_BYTES) throw new BrokenStructure('the GPT has an impossible header');
  const at = sector(header.readBigUInt64LE(72));
  const entries = await reader.read(at, count * size);
  const partitions: Extent[] = [];
  for (let i = 0; i < count; i++) {
    const entry = entries.subarray(i * size, (i + 1) * size);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const start = sector(entry.readBigUInt64LE(32));
    const end = sector(entry.readBigUInt64LE(40)) + SECTOR;
    if (end > start && end <= reader.bytes) partitions.push({ start, bytes: end - start });
  }
  const backup = sector(header.readBigUInt64LE(32));
  const tables = [
    { start: 0, bytes: 2 * SECTOR },
    { start: at, bytes: entries.length },
    ...(backup + SECTOR <= reader.bytes ? [{ start: backup, bytes: SECTOR }] : []),
  ];
  return { kind: 'gpt', partitions, tables };
}

async function dos(reader: Reader, mbr: Buffer): Promise<PartitionTable> {
  const partitions: Extent[] = [];
  const tables: Extent[] = [{ start: 0, bytes: SECTOR }];
  for (const row of rows(mbr)) {
    if (row.type === 0 || row.bytes === 0) continue;
    if (EXTENDED.has(row.type)) {
      const inside = await logicalPartitions(reader, row.start);
      partitions.push(...inside.partitions);
      tables.push(...inside.tables);
    } else if (row.start + row.bytes <= reader.bytes) partitions.push({ start: row.start, bytes: row.bytes });
  }
  return { kind: 'dos', partitions, tables };
}

/** The chain of tables inside an extended partition: each tells one partition and where the next table is. */
async function logicalPartitions(
  reader: Reader,
  start: number,
): Promise<Pick<PartitionTable, 'partitions' | 'tables'>> {
  const partitions: Extent[] = [];
  const tables: Extent[] = [];
  for (let at = start; tables.length < MAX_LOGICAL && at + SECTOR <= reader.bytes; ) {
    const link = await reader.read(at, SECTOR);
    if (link.readUInt16LE(510) !== 0xaa55) break;
    tables.push({ start: at, bytes: SECTOR });
    const [logical, next] = rows(link);
    if (logical && logical.type !== 0 && at + logical.start + logical.bytes <= reader.bytes)
      partitions.push({ start: at + logical.start, bytes: logical.bytes });
    if (!next || next.type === 0 || next.start === 0) break;
    at = start + next.start;
  }
  return { partitions, tables };
}

function rows(mbr: Buffer): { status: number; type: number; start: number; bytes: number }[] {
  return [0, 1, 2, 3].map((i) => {
    const at = 446 + i * 16;
    return {
      status: mbr.readUInt8(at),
      type: mbr.readUInt8(at + 4),
      start: mbr.readUInt32LE(at + 8) * SECTOR,
      bytes: mbr.readUInt32LE(at + 12) * SECTOR,
    };
  });
}

function sector(number: bigint): number {
  const bytes = Number(number) * SECTOR;
  if (!Number.isSafeInteger(bytes)) throw new BrokenStructure('a sector number is impossible');
  return bytes;
}
