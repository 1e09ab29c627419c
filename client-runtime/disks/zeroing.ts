/** Makes pieces of a disk zero, where that does not take long: by the disk's own command where it has one, else by writing. */
import type { Range } from '#common/drbd/baseline.ts';
import { run } from '#common/run.ts';

/** Bytes of the first go, by which the disk's speed is measured. */
const FIRST_GO = 256 * 1024 ** 2;
/** Milliseconds that a go should take: what is begun is waited for. */
const GO_MS = 5_000;
/** Bytes: goes end at multiples of it. */
const UNIT = 1024 ** 2;

/**
 * Afterwards the pieces read as zeros (BLKZEROOUT, blkdiscard(8)).
 * @param path a device that the guard has opened
 * @param options.onPercent told after each go but the last: 0 to 99, of all bytes
 * @param options.signal looked at before each go
 * @returns whether all of it is zero now. It is not as soon as it is seen that it would take longer than `withinMs`.
 * @throws the signal's reason
 */
export async function makeZero(
  path: string,
  pieces: readonly Range[],
  { withinMs, onPercent, signal }: { withinMs: number; onPercent?(percent: number): void; signal?: AbortSignal },
): Promise<boolean> {
  const all = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  const begun = performance.now();
  let done = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.bytes; ) {
      signal?.throwIfAborted();
      const bytes = Math.min(goBytes(done, performance.now() - begun), piece.bytes - at);
      const where = ['--offset', String(piece.from + at), '--length', String(bytes)];
      await run(['blkdiscard', '--force', '--zeroout', ...where, path], { timeoutMs: withinMs });
      at += bytes;
      done += bytes;
      if (takesTooLong({ done, all, spentMs: performance.now() - begun, withinMs })) return false;
      if (done < all) onPercent?.(Math.floor((100 * done) / all));
    }
  }
  return true;
}

/** Pure: bytes of the next go, after so many bytes in so many milliseconds. */
export function goBytes(done: number, spentMs: number): number {
  const most = done === 0 ? FIRST_GO : (done / Math.max(1, spentMs)) * GO_MS;
  return Math.max(FIRST_GO, Math.floor(most / UNIT) * UNIT);
}

/** Pure: at the speed so far the rest does not fit into the time. */
export function takesTooLong(so: { done: number; all: number; spentMs: number; withinMs: number }): boolean {
  return so.done < so.all && (so.spentMs / so.done) * so.all > so.withinMs;
}
