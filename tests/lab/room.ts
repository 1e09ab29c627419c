import { readFile, statfs } from 'node:fs/promises';
import { UserError } from '#common/errors.ts';

const GIB = 1024 ** 3;

/**
 * Checks beforehand that this machine has room for the lab: a guest that is killed for want of memory, or a disk that
 * is full in the middle, looks like anything but that.
 * @throws UserError that says how much is missing
 */
export async function assertRoom(needed: { memoryGiB: number; diskGiB: number; folder: string }): Promise<void> {
  const memory = /^MemAvailable:\s+(\d+) kB/m.exec(await readFile('/proc/meminfo', 'utf8'));
  const freeMemory = (Number(memory?.[1] ?? 0) * 1024) / GIB;
  if (freeMemory < needed.memoryGiB) {
    throw new UserError(
      `This machine has ${freeMemory.toFixed(1)} GiB of memory free; the machines of the lab need ${needed.memoryGiB} GiB.`,
      { hint: 'Close other programs, or use a machine with more memory.' },
    );
  }
  const { bavail, bsize } = await statfs(needed.folder);
  const freeDisk = (bavail * bsize) / GIB;
  if (freeDisk < needed.diskGiB) {
    throw new UserError(
      `There are ${freeDisk.toFixed(1)} GiB free in ${needed.folder}; the disks of the lab need ${needed.diskGiB} GiB.`,
      { hint: 'Free some space there, then run this again.' },
    );
  }
}
