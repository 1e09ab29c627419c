/**
 * When a machine that is sent may stand still. QEMU stops it once what remains fits into the planned down time at the speed
 * of its socket. But those last pages wait behind all that the socket has taken and not sent: up to 4 MiB, a third of a
 * second at 100 Mbit/s. So QEMU is held back until little remains; then it sends slower than the link carries until that
 * queue is empty, and only then it may stop the machine (docs/decisions.md).
 */

/** What is known of a migration while it runs. */
export interface Facts {
  /** Milliseconds, of any clock that does not jump. */
  now: number;
  /** Milliseconds since it began. */
  sinceStart: number;
  transferredBytes: number;
  remainingBytes: number;
  /** How often QEMU has looked for what was written meanwhile: more than one says that all was sent once. */
  passes: number;
}

/**
 * `bulk`: as fast as it goes, without an end. `draining`: slower, until `until`. `closing`: still slower than the link, and it
 * may stop. `open`: it did not come to that, so as fast as it goes, and it may stop.
 */
export type Stage =
  | { kind: 'bulk' }
  | { kind: 'draining' | 'closing'; until: number; bytesPerSecond: number }
  | { kind: 'open' };

/** Bytes that a socket takes beyond what the link carries: the most that Linux lets it (`net.ipv4.tcp_wmem`). */
const QUEUE = 4 * 1024 ** 2;
/** Remaining seconds at which the end is near. */
const NEAR_SECONDS = 2;
/** Share of the speed so far at which the queue drains. */
const DRAIN_SHARE = 0.7;
/** Milliseconds. On a link below 2.8 MB a second a part of the queue is left then. */
const LONGEST_DRAIN = 5_000;
/** Milliseconds after which a desktop that writes too fast for the slower pace gets all of the link again. */
const LONGEST_CLOSING = 10_000;
/** Bytes a second: no link is taken for slower than this. */
const SLOWEST = 64 * 1024;
/** QEMU's unit is a millisecond; this one holds it back until nothing at all remains. */
const HELD_BACK_MS = 1;
/**
 * Percent of what was sent in a pass; QEMU slows a desktop down that wrote more meanwhile. Its own, and one for passes that
 * go on only because QEMU is held back, each of which sends what was written during the one before.
 */
const TOO_FAST = 50;
const TOO_FAST_WHILE_DRAINING = 100;

/** Pure: the stage that follows, or the same object. */
export function nextStage(stage: Stage, facts: Facts): Stage {
  const { now } = facts;
  switch (stage.kind) {
    case 'bulk': {
      const speed = Math.max(SLOWEST, (facts.transferredBytes / Math.max(1, facts.sinceStart)) * 1000);
      if (facts.passes < 2 || facts.remainingBytes > speed * NEAR_SECONDS) return stage;
      const drainMs = Math.min(LONGEST_DRAIN, (QUEUE / (speed * (1 - DRAIN_SHARE))) * 1000);
      return { kind: 'draining', until: now + drainMs, bytesPerSecond: Math.round(speed * DRAIN_SHARE) };
    }
    case 'draining':
      return now < stage.until ? stage : { ...stage, kind: 'closing', until: now + LONGEST_CLOSING };
    case 'closing':
      return now < stage.until ? stage : { kind: 'open' };
    case 'open':
      return stage;
  }
}

/**
 * Pure: QEMU's parameters for a stage.
 * @param most bytes a second that it may send at all
 */
export function parametersOf(stage: Stage, { most, downtimeMs }: { most: number; downtimeMs: number }) {
  const parameters = (bytesPerSecond: number, standsStillMs: number, tooFast = TOO_FAST) => ({
    'max-bandwidth': Math.min(most, bytesPerSecond),
    'downtime-limit': standsStillMs,
    'throttle-trigger-threshold': tooFast,
  });
  switch (stage.kind) {
    case 'bulk':
      return parameters(most, HELD_BACK_MS);
    case 'draining':
      return parameters(stage.bytesPerSecond, HELD_BACK_MS, TOO_FAST_WHILE_DRAINING);
    case 'closing':
      // QEMU reckons with the pace of this stage, but sends the last pages as fast as it goes.
      return parameters(stage.bytesPerSecond, Math.round(downtimeMs / DRAIN_SHARE));
    case 'open':
      return parameters(most, downtimeMs);
  }
}
