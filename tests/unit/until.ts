import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until `condition` holds.
 *
 * @param words what was waited for, or how things stand when it was in vain
 * @throws Error after `withinMs`
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  words: string | (() => Promise<string>) = 'it is so',
  withinMs = 5_000,
): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await condition()); await sleep(5)) {
    if (Date.now() < deadline) continue;
    throw new Error(`not within ${withinMs / 1000} s: ${typeof words === 'string' ? words : await words()}`);
  }
}
