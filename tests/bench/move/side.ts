import type { Place } from './place.ts';

/** From which of both places the desktop goes to the other one. */
export type From = 0 | 1;

/** What a move took, in milliseconds. */
export interface Moved {
  /** From the moment when the desktop stood still at its source until it went on at its target. */
  downtime: number;
  /** From the order until then. */
  total: number;
  /** Longest time between two records from the order until it has come to rest, by the desktop's own clock. */
  pause: number;
}

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
