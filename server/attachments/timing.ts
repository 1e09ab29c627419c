import { CALL_LIMITS, type CallLimits } from '../hosts/limits.ts';
import { MOVE_LIMITS, type MoveLimits } from '../moves/move.ts';

/** All waiting, in milliseconds. One place, since the tests of whole lives are impatient. */
export interface Timing {
  /** Until a step that failed is tried again: the first time, the second, … */
  retryMs: readonly number[];
  /** Until two ends that refused each other try again. */
  reconnectMs: number;
  /** Progress is told this often; what a person waits for is told at once. Each time a PC draws its page anew. */
  tellEveryMs: number;
  /** Without its PC for this long, a desktop may be started on the server, if everything is there: a cable may be out for a moment. */
  lostAfterMs: number;
  /** That somebody who starts a desktop waits for its PC to get the disk ready. */
  readyMs: number;
  /**
   * After a move, until what it left is tidied up: a desktop that has just arrived touches all of its memory for the first
   * time, and both hosts would end processes and talk to DRBD beside it.
   */
  quietMs: number;
  move: MoveLimits;
  calls: CallLimits;
}

export const TIMING: Timing = {
  retryMs: [3_000, 10_000, 30_000, 60_000],
  reconnectMs: 10_000,
  tellEveryMs: 1_000,
  lostAfterMs: 30_000,
  readyMs: 15_000,
  quietMs: 2_000,
  move: MOVE_LIMITS,
  calls: CALL_LIMITS,
};
