/** The volume group and thin pool that hold every image and every desktop's disk. */
import { open, writeFile } from 'node:fs/promises';
import { Value } from 'typebox/value';
import {
  activateGroup,
  createGroup,
  createPool,
  growPoolMetadata,
  type LogicalVolume,
  logicalVolumes,
  setQueueWhenFull,
  volumeGroup,
} from '#common/lvm/lvm.ts';
import { run } from '#common/run.ts';
import {
  type BlockDevice,
  candidates,
  chooseDataDisk,
  type DiskContent,
  LSBLK_COLUMNS,
  LsblkReport,
} from './data-disk.ts';

export const GROUP = 'flexdeploy';
export const POOL = 'pool';

/**
 * KiB. What a first write into a block shared with the image costs (it is copied whole) against the size of the
 * metadata (about 64 bytes a block, lvmthin(7)): 64 KiB is LVM's smallest and copies least; a pool of 1 TiB then needs
 * at most 1 GiB of metadata.
 */
const CHUNK_KIB = 64;

/** Percent of the group that the pool takes; the rest is there for its metadata to grow into. */
const POOL_PERCENT = 95;

/** Metadata is made larger from this on. When it is full the pool stops and needs repair, so this is early. */
const METADATA_GROW_AT_PERCENT = 70;

/** No new desktop, image or start from here on: what runs needs the rest. */
export const FULL_AT_PERCENT = 90;

export type PoolStatus =
  | { kind: 'ready'; bytes: number; dataPercent: number; metadataPercent: number }
  | { kind: 'unavailable'; reason: string; hint: string };

/**
 * Makes the pool usable: takes the volume group if there is one, makes it on the data disk otherwise. Idempotent, also
 * after a power cut in between. When in doubt nothing is written and the status says why.
 */
export async function openPool(options: { dataDisk?: string }): Promise<PoolStatus> {
  const group = await volumeGroup(GROUP);
  if (!group) {
    const devices = await listDevices();
    const contents = new Map<string, DiskContent>();
    const named = devices.filter((d) => d.serial === options.dataDisk || d.wwn === options.dataDisk);
    for (const device of options.dataDisk === undefined ? candidates(devices) : candidates(named)) {
      contents.set(device.path, await lookInto(device));
    }
    const choice = chooseDataDisk(devices, contents, options.dataDisk);
    if (choice.kind === 'none') return { kind: 'unavailable', reason: choice.reason, hint: choice.hint };
    await createGroup(GROUP, choice.path);
  } else {
    await activateGroup(GROUP);
  }
  const volumes = await logicalVolumes(GROUP);
  if (!volumes.some((v) => v.name === POOL)) {
    if (volumes.length > 0) {
      return {
        kind: 'unavailable',
        reason: `the volume group ${GROUP} exists, holds other volumes and has no thin pool "${POOL}"`,
        hint: 'Something else made it, or it is damaged: nothing was changed.',
      };
    }
    await createPool(GROUP, POOL, { percent: POOL_PERCENT, chunkKiB: CHUNK_KIB });
    await waitWhenFull(await logicalVolumes(GROUP));
    return await poolStatus();
  }
  await waitWhenFull(volumes);
  return statusOf(volumes);
}

/** dm-thin's parameter: seconds that writes to a full pool wait before they fail after all; 0 is for ever. */
const NO_SPACE_TIMEOUT = '/sys/module/dm_thin_pool/parameters/no_space_timeout';

/**
 * Whoever writes to a full pool waits until there is room. A write that failed would be worse than a desktop that stands
 * still: DRBD takes a disk with a failed write for inconsistent, and does not believe it any more.
 */
async function waitWhenFull(volumes: readonly LogicalVolume[]): Promise<void> {
  await writeFile(NO_SPACE_TIMEOUT, '0').catch(() => {}); // without it they wait for 60 s, which is something
  // lvchange fails when nothing changes
  if (volumes.some((v) => v.name === POOL && v.whenFull === 'error')) await setQueueWhenFull(GROUP, POOL);
}

/** How full the pool is, now. Gives its metadata more room when that gets scarce. */
export async function poolStatus(): Promise<PoolStatus> {
  const status = statusOf(await logicalVolumes(GROUP));
  if (status.kind === 'ready' && status.metadataPercent >= METADATA_GROW_AT_PERCENT) {
    const free = (await volumeGroup(GROUP))?.freeBytes ?? 0;
    const step = Math.min(free, 64 * 1024 ** 2);
    if (step >= 4 * 1024 ** 2) await growPoolMetadata(GROUP, POOL, step);
  }
  return status;
}

export function statusOf(volumes: readonly LogicalVolume[]): PoolStatus {
  const pool = volumes.find((v) => v.name === POOL);
  if (pool?.dataPercent === undefined || pool.metadataPercent === undefined) {
    return {
      kind: 'unavailable',
      reason: `the thin pool ${GROUP}/${POOL} is ${pool ? 'not active' : 'missing'}`,
      hint: `Look at: lvs -a ${GROUP}; lvchange -ay ${GROUP}/${POOL}`,
    };
  }
  return { kind: 'ready', bytes: pool.bytes, dataPercent: pool.dataPercent, metadataPercent: pool.metadataPercent };
}

async function listDevices(): Promise<BlockDevice[]> {
  const { stdout } = await run(['lsblk', '--json', '--bytes', '--output', LSBLK_COLUMNS]);
  const report: unknown = JSON.parse(stdout);
  if (!Value.Check(LsblkReport, report)) throw new Error('lsblk answered something unexpected');
  return report.blockdevices;
}

/** Reads a disk for anything that could be somebody's: known signatures, then bytes at both ends and in between. */
async function lookInto(device: BlockDevice): Promise<DiskContent> {
  const wipefs = await run(['wipefs', '--no-act', '--parsable', '--noheadings', device.path]);
  const [signature] = wipefs.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  if (signature) return { kind: 'signature', what: signature.split(',')[3] || 'a known signature' };
  // 2: nothing found. 8: several contradicting signatures.
  const blkid = await run(['blkid', '--probe', '--output', 'export', device.path], { okExitCodes: [0, 2, 8] });
  if (blkid.code !== 2) return { kind: 'signature', what: blkid.stdout.match(/^(?:PT)?TYPE=(.*)$/m)?.[1] ?? 'data' };
  const disk = await open(device.path, 'r');
  try {
    const buffer = Buffer.alloc(64 * 1024);
    for (const offset of sampleOffsets(device.size, buffer.length)) {
      const { bytesRead } = await disk.read(buffer, 0, buffer.length, offset);
      const at = buffer.subarray(0, bytesRead).findIndex((byte) => byte !== 0);
      if (at >= 0) return { kind: 'data', offset: offset + at };
    }
  } finally {
    await disk.close();
  }
  return { kind: 'blank' };
}

/** The first 4 MiB, the last 1 MiB, and 256 places spread evenly. Bytes; each is the start of a piece of `piece`. */
export function sampleOffsets(size: number, piece: number): number[] {
  const align = (offset: number) => Math.max(0, Math.floor(Math.min(offset, size - piece) / 4096) * 4096);
  const head = Array.from({ length: (4 * 1024 ** 2) / piece }, (_, i) => align(i * piece));
  const tail = Array.from({ length: 1024 ** 2 / piece }, (_, i) => align(size - (i + 1) * piece));
  const between = Array.from({ length: 256 }, (_, i) => align((size / 257) * (i + 1)));
  return [...new Set([...head, ...tail, ...between])];
}
