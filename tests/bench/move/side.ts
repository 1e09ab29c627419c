import type { Place } from './place.ts';

/** From which of both places the desktop goes to the other one. */
export type From = 0 | 1;

/** One way to move a desktop. */
export interface Side {
  readonly places: readonly [Place, Place];
  /** Resolves when the desktop runs, or is about to, at the other place. @throws when it could not be moved */
  move(from: From): Promise<void>;
  /** What is left to do then, so that the next move can begin. */
  finish(from: From): Promise<void>;
}

/** What is where the desktop is, and what is where it goes. */
export function ordered<T>([first, second]: readonly [T, T], from: From): { source: T; target: T } {
  return from === 0 ? { source: first, target: second } : { source: second, target: first };
}
