/**
 * NTFS: the boot sector, and the whole of $MFT, $MFTMirr, $LogFile and $Bitmap. A change of any file changes its record
 * in $MFT (times, size), even by drivers that leave $LogFile alone. Layout: the Linux kernel's fs/ntfs3/ntfs.h.
 */
import type { Extent } from '../partitions.ts';
import { BrokenStructure, type Reader } from '../reader.ts';
import { checkPower, type Probe } from './file-system.ts';

/** Numbers of records in $MFT. */
const FILES = { mft: 0, mirror: 1, log: 2, bitmap: 6 } as const;
const DATA = 0x80;
const END = 0xffffffff;
const MAX_RUNS = 4096;

interface Volume {
  cluster: number;
  record: number;
  mft: number;
}

export const probeNtfs: Probe = async (reader) => {
  if (reader.bytes < 64 * 1024) return undefined;
  const boot = await reader.read(0, 512);
  if (boot.toString('latin1', 3, 11) !== 'NTFS    ') return undefined;
  const sector = checkPower(boot.readUInt16LE(11), 256, 4096, 'the sector size');
  const perCluster = boot.readUInt8(13);
  const sectors = perCluster > 128 ? 1 << (256 - perCluster) : perCluster;
  const cluster = checkPower(sector * sectors, 512, 2 * 1024 * 1024, 'the cluster size');
  const size = boot.readInt8(64);
  const record = checkPower(size < 0 ? 1 << -size : size * cluster, 512, 65536, 'the size of a record');
  const volume: Volume = { cluster, record, mft: Number(boot.readBigUInt64LE(48)) * cluster };
  const whole: Extent[] = [{ start: 0, bytes: 8192 }];
  for (const file of [FILES.mft, FILES.mirror, FILES.bitmap]) whole.push(...(await dataOf(reader, volume, file)));
  return { kind: 'ntfs', whole, sampled: await dataOf(reader, volume, FILES.log) };
};

/** Where the data of one of the first files is. */
async function dataOf(reader: Reader, { cluster, record, mft }: Volume, number: number): Promise<Extent[]> {
  const raw = await reader.read(mft + number * record, record);
  if (raw.toString('latin1', 0, 4) !== 'FILE') throw new BrokenStructure(`$MFT has no record ${number}`);
  putBackSectorEnds(raw);
  let at = raw.readUInt16LE(20);
  while (at + 8 <= raw.length && raw.readUInt32LE(at) !== END) {
    const length = raw.readUInt32LE(at + 4);
    if (length < 24 || at + length > raw.length) throw new BrokenStructure(`record ${number} of $MFT is broken`);
    const attribute = raw.subarray(at, at + length);
    // the unnamed data stream, and not resident
    if (attribute.readUInt32LE(0) === DATA && attribute.readUInt8(9) === 0 && attribute.readUInt8(8) === 1)
      return runs(attribute.subarray(attribute.readUInt16LE(32)), cluster);
    at += length;
  }
  return [];
}

/** The last two bytes of each 512 were swapped out for a check number when the record was written. */
function putBackSectorEnds(record: Buffer): void {
  const array = record.readUInt16LE(4);
  const count = record.readUInt16LE(6);
  for (let i = 1; i < count && array + i * 2 + 2 <= record.length && i * 512 <= record.length; i++)
    record.copy(record, i * 512 - 2, array + i * 2, array + i * 2 + 2);
}

/** Run list: a byte with the sizes of two numbers, the length, and the distance to the run before (signed). */
function runs(list: Buffer, cluster: number): Extent[] {
  const extents: Extent[] = [];
  let at = 0;
  let lcn = 0;
  while (at < list.length && list[at] !== 0 && extents.length < MAX_RUNS) {
    const header = list.readUInt8(at);
    const [lengthSize, offsetSize] = [header & 0x0f, header >> 4];
    if (lengthSize === 0 || lengthSize > 6 || offsetSize > 6 || at + 1 + lengthSize + offsetSize > list.length)
      throw new BrokenStructure('a run list of NTFS is broken');
    const length = list.readUIntLE(at + 1, lengthSize);
    if (offsetSize > 0) {
      lcn += list.readIntLE(at + 1 + lengthSize, offsetSize);
      extents.push({ start: lcn * cluster, bytes: length * cluster });
    }
    at += 1 + lengthSize + offsetSize;
  }
  return extents;
}
