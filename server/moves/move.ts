/**
 * A move of a running desktop from one host to another. The same for both directions: `source` and `target` are swapped.
 *
 * Until {@link Move.commit} everything that was done is undone when something fails, hangs or is cancelled, and the
 * desktop runs on at the source. From then on it only goes forward: what is left (ending the source's machine, one
 * primary again) is planned from facts, also after a restart (attachments/plan.ts). In between nothing runs anywhere: the
 * source stands still, and the target waits to be let go.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Cleanup } from '#common/cleanup.ts';
import { messageOf, UserError } from '#common/errors.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import type { Move as MoveView } from '#common/protocol/desktop.ts';
import type { HostedDesktop, MachineState, MigrationResult } from '#common/protocol/host-link.ts';

export type Phase = MoveView['phase'];

/** What a move needs of the world. */
export interface Move {
  desktop: HostedDesktop;
  source: DesktopHost;
  target: DesktopHost;
  /** As it is now, asked of the host. */
  machineOf(end: 'source' | 'target'): Promise<MachineState>;
  /** What the target's machine was last heard to be; nobody is asked. */
  heardOfTarget(): MachineState;
  /** Resolves when the disks are near enough to begin; throws what is missing. `off`: there is no memory to copy. */
  ready(signal: AbortSignal, off: boolean): Promise<void>;
  /** Both ends: protocol C and two primaries for the move, or as usual. */
  configure(mode: 'move' | 'usual'): Promise<void>;
  /** Lets the source's QEMU through to where the target waits. */
  openWay(port: number): Promise<void>;
  /** Throws when the target's disk could not carry the desktop any more. Looked at last, before the hand-over. */
  checkDisks(): void;
  /** Writes the new holder down, durably. Returns the new generation. */
  commit(): Promise<number>;
  onPhase(phase: Phase): void;
  /** Something that changes while memory is copied; a copy that stands still is given up. */
  progress(): string;
  /** Undoing something failed; it will be planned again. */
  onUndoFailed(error: unknown): void;
}

/** Milliseconds. All generous: whoever loses patience cancels. */
export interface MoveLimits {
  /** Without any progress of the memory's copy. */
  stalled: number;
  /** For the whole copy: a desktop that writes faster than the link carries never ends. */
  copying: number;
  /** From "all is sent" to "all has arrived". */
  arriving: number;
  /** Between two looks at whether something has changed. */
  look: number;
}

export interface Moved extends MigrationResult {
  /** Milliseconds that it stood still beside QEMU's own down time: from "all is sent" until it was let go. */
  handOverMs: number;
  /** Of these, until all had arrived, and until the new holder was written down. */
  arrivedMs: number;
  committedMs: number;
}

export const MOVE_LIMITS: MoveLimits = { stalled: 60_000, copying: 30 * 60_000, arriving: 60_000, look: 100 };

/**
 * Milliseconds that QEMU may plan for the last pages, while the desktop stands still: its own default. Loading the devices
 * and the hand-over come on top, and all of it together should be less than a second.
 */
const DOWNTIME_MS = 300;
/** Milliseconds between two looks at what was heard, while the desktop stands still. */
const LISTEN_MS = 5;
/** So many of the usual looks without a word, and the target is asked. */
const ASK_AFTER_LOOKS = 10;

/**
 * Moves it. When it returns, or throws after the commit, the desktop belongs to the target.
 * @throws whatever failed; the source then runs on, or will as soon as it can be reached
 */
export async function moveDesktop(move: Move, signal: AbortSignal, limits: MoveLimits): Promise<Moved | undefined> {
  const undo = new Cleanup();
  let result: Awaited<ReturnType<typeof bringOver>>;
  try {
    move.onPhase('preparing');
    result = await bringOver(move, undo, signal, limits);
    signal.throwIfAborted();
    move.checkDisks();
  } catch (error) {
    await undo.run().catch((failure) => move.onUndoFailed(failure));
    throw error;
  }
  // Should this fail, it is not known whether it was written: nothing is undone, and the database is asked.
  const generation = await move.commit();
  move.onPhase('finishing');
  if (!result) return undefined;
  const { sent, sentAt, arrivedMs } = result;
  const committedMs = Math.round(performance.now() - sentAt);
  await move.target.letRun({ desktop: move.desktop.id, generation });
  return { ...sent, arrivedMs, committedMs, handOverMs: Math.round(performance.now() - sentAt) };
}

/** Everything up to the moment when nothing runs any more, and all is on the other side. */
async function bringOver(move: Move, undo: Cleanup, signal: AbortSignal, limits: MoveLimits) {
  const { desktop, source, target } = move;
  const id = { desktop: desktop.id };
  await move.ready(signal, (await move.machineOf('source')).kind === 'none');
  const machine = await move.machineOf('source');
  if (machine.kind === 'none') {
    // Off: there is no memory to copy. Once the source cannot write, what it has written has to arrive.
    await source.setRole({ ...id, role: 'secondary' }, signal);
    await move.ready(signal, true);
    return undefined;
  }
  if (machine.kind !== 'running') throw new UserError(`the desktop cannot be moved now: it is ${machine.kind}`);
  undo.add('one primary again', () => move.configure('usual'));
  await within(signal, move.configure('move'));
  undo.add(
    'making the target’s disk the second one',
    async () => void (await target.setRole({ ...id, role: 'secondary' })),
  );
  await target.setRole({ ...id, role: 'primary' }, signal);
  undo.add('ending the machine at the target', async () => void (await target.endMachine(id)));
  const { host, port } = await target.startIncoming({ desktop }, signal);
  await within(signal, move.openWay(port));
  undo.add('going on at the source', () => goOn(move));
  move.onPhase('copyingMemory');
  const sent = await copyMemory(move, { host, port }, signal, limits);
  const sentAt = performance.now();
  move.onPhase('switchingOver');
  await arrived(move, signal, limits);
  return { sent, sentAt, arrivedMs: Math.round(performance.now() - sentAt) };
}

async function copyMemory(move: Move, to: { host: string; port: number }, signal: AbortSignal, limits: MoveLimits) {
  const patience = new AbortController();
  const begun = Date.now();
  let last = { at: begun, progress: move.progress() };
  const timer = setInterval(() => {
    const now = Date.now();
    const progress = move.progress();
    if (progress !== last.progress) last = { at: now, progress };
    if (now - last.at > limits.stalled) patience.abort(new UserError('nothing was copied any more'));
    if (now - begun > limits.copying) {
      const hint = 'It changes its memory faster than the link can carry. Try again when it is less busy.';
      patience.abort(new UserError(`the desktop was not copied within ${limits.copying / 60_000} minutes`, { hint }));
    }
  }, limits.look);
  try {
    const both = AbortSignal.any([signal, patience.signal]);
    const args = { desktop: move.desktop.id, ...to, downtimeMs: DOWNTIME_MS };
    return await within(both, move.source.migrateTo(args, both));
  } finally {
    clearInterval(timer);
  }
}

/**
 * The source says that all is sent; only what the target has counts. The desktop stands still meanwhile: the target's own
 * word is listened for, and it is asked only when that does not come.
 */
async function arrived(move: Move, signal: AbortSignal, limits: MoveLimits): Promise<void> {
  for (const begun = Date.now(), asked = { at: begun }; ; ) {
    signal.throwIfAborted();
    if (move.heardOfTarget().kind === 'arrived') return;
    if (Date.now() - asked.at > limits.look * ASK_AFTER_LOOKS) {
      const { kind } = await move.machineOf('target');
      if (kind === 'arrived') return;
      if (kind !== 'incoming') throw new UserError('the desktop did not arrive whole');
      if (Date.now() - begun > limits.arriving) throw new UserError('the desktop did not arrive in time');
      asked.at = Date.now();
    }
    await sleep(LISTEN_MS);
  }
}

/** Whatever the source does now, afterwards it runs. Only called while nothing was handed over. */
async function goOn({ source, desktop, machineOf }: Move): Promise<void> {
  const id = { desktop: desktop.id };
  await source.cancelMigration(id);
  if ((await machineOf('source')).kind === 'sent') await source.takeBack(id);
}

/** Waits no longer than the signal allows; what was begun may go on, and is undone. */
async function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  aborted.catch(() => {});
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Words for people about a move that failed. */
export function moveFailure(error: unknown, name: string): string {
  if (error instanceof MoveCancelled) return error.message;
  return `${name} could not be moved: ${messageOf(error)}. It goes on where it was.`;
}

export class MoveCancelled extends UserError {}
