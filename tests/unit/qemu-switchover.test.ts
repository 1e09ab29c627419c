import t from 'tap';
import { type Facts, nextStage, parametersOf, type Stage } from '#common/qemu/switchover.ts';

const MB = 1e6;
const LIMITS = { most: 1e9, downtimeMs: 300 };

/** 100 MB in 10 s, all sent once, and 5 MB that were written meanwhile. */
function facts(other: Partial<Facts> = {}): Facts {
  return { now: 0, sinceStart: 10_000, transferredBytes: 100 * MB, remainingBytes: 5 * MB, passes: 2, ...other };
}

t.test('while much remains it is as fast as it goes, and has no end', async (t) => {
  const bulk: Stage = { kind: 'bulk' };
  t.equal(nextStage(bulk, facts({ passes: 1 })), bulk, 'not everything was sent once');
  t.equal(nextStage(bulk, facts({ remainingBytes: 21 * MB })), bulk, 'more than two seconds remain');
  t.match(parametersOf(bulk, LIMITS), { 'max-bandwidth': 1e9, 'downtime-limit': 1 });
});

t.test('near the end the queue drains, and only then it may stop', async (t) => {
  const draining = nextStage({ kind: 'bulk' }, facts());
  t.equal(draining.kind, 'draining');
  t.match(parametersOf(draining, LIMITS), { 'max-bandwidth': 7 * MB, 'downtime-limit': 1 });
  t.equal(nextStage(draining, facts({ now: 1_300 })), draining, '4 MiB at the 3 MB a second that are left over');
  t.equal(parametersOf(draining, LIMITS)['throttle-trigger-threshold'], 100, 'its own passes do not slow it down');
  const closing = nextStage(draining, facts({ now: 1_400 }));
  t.equal(closing.kind, 'closing');
  const planned = { 'max-bandwidth': 7 * MB, 'downtime-limit': 429 };
  t.match(parametersOf(closing, LIMITS), planned, 'the last pages go at 10 MB a second, and take 300 ms');
  t.equal(nextStage(closing, facts({ now: 11_000 })), closing);
});

t.test('one that writes too fast for that gets all of the link again', async (t) => {
  const closing: Stage = { kind: 'closing', until: 1_000, bytesPerSecond: 7 * MB };
  const open = nextStage(closing, facts({ now: 1_000 }));
  t.match(parametersOf(open, LIMITS), { 'max-bandwidth': 1e9, 'downtime-limit': 300 });
  t.equal(nextStage(open, facts({ now: 1e6 })), open);
});

t.test('a limit that somebody set holds, and a slow link is not waited for', async (t) => {
  const draining = nextStage({ kind: 'bulk' }, facts({ transferredBytes: 0, remainingBytes: 0 }));
  t.strictSame(draining, { kind: 'draining', until: 5_000, bytesPerSecond: Math.round(64 * 1024 * 0.7) });
  t.equal(parametersOf(draining, { most: 1_000, downtimeMs: 300 })['max-bandwidth'], 1_000);
});
