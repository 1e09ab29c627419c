/** Makes pieces of a disk zero, where the disk has a command for that: writing as many zeros would take as long as a sync. */
import { readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Range } from '#common/drbd/baseline.ts';
import { run } from '#common/run.ts';

/** Bytes in one go: what is begun is waited for. */
const PIECE = 1024 ** 3;

/**
 * The disk behaves as if zeros had been written there (BLKZEROOUT, blkdiscard(8)).
 * @param path a device that the guard has opened
 * @returns whether all of it is zero now; if not, some of it may be
 */
export async function makeZero(path: string, pieces: readonly Range[], withinMs: number): Promise<boolean> {
  if (!(await zeroesQuickly(path))) return false;
  const deadline = performance.now() + withinMs;
  for (const piece of pieces.flatMap(inGoes)) {
    const left = deadline - performance.now();
    if (left <= 0) return false;
    const where = ['--offset', String(piece.from), '--length', String(piece.bytes)];
    await run(['blkdiscard', '--force', '--zeroout', ...where, path], { timeoutMs: withinMs });
  }
  return true;
}

function inGoes({ from, bytes }: Range): Range[] {
  const goes = Math.ceil(bytes / PIECE);
  return Array.from({ length: goes }, (_, i) => ({
    from: from + i * PIECE,
    bytes: Math.min(PIECE, bytes - i * PIECE),
  }));
}

/** Whether the kernel hands the command on to the disk (sysfs-block, `write_zeroes_max_bytes`). */
async function zeroesQuickly(path: string): Promise<boolean> {
  const name = basename(await realpath(path));
  const most = await readFile(join('/sys/class/block', name, 'queue/write_zeroes_max_bytes'), 'utf8').catch(() => '0');
  return Number(most) > 0;
}
