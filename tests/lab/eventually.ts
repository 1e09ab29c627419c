import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#common/errors.ts';

/** Waits until something is so. A check that throws counts as "not yet"; its words are in the error in the end. */
export async function eventually(
  what: string,
  withinMs: number,
  isSo: () => Promise<boolean>,
  everyMs = 500,
): Promise<void> {
  let last = 'it was not so';
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await sleep(everyMs)) {
    try {
      if (await isSo()) return;
      last = 'it was not so';
    } catch (error) {
      last = messageOf(error);
    }
  }
  throw new Error(`not within ${withinMs / 1000} s: ${what} (${last})`);
}
