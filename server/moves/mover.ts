/** The moves that are under way: what {@link moveDesktop} needs of a pair, and what people see of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, UserError } from '#common/errors.ts';
import type { Move as MoveView } from '#common/protocol/desktop.ts';
import type { MachineState } from '#common/protocol/host-link.ts';
import type { Pair } from '../attachments/pair.ts';
import { connected } from '../attachments/plan.ts';
import { openingsFor, resourceText } from '../attachments/resource.ts';
import type { PairRecord } from '../attachments/store.ts';
import { whyNotHere } from '../attachments/view.ts';
import type { RemoteHost } from '../hosts/hosts.ts';
import { hostedOf } from '../inventory/record.ts';
import { levelOf, Problem } from '../problem.ts';
import { whyNot } from './local-host.ts';
import { type Move, MoveCancelled, moveDesktop, moveFailure, type Phase } from './move.ts';

export type To = MoveView['to'];

interface Running {
  to: To;
  since: number;
  phase: Phase;
  abort: AbortController;
}

export class Movers {
  readonly #running = new Map<string, Running>();

  isMoving(id: string): boolean {
    return this.#running.has(id);
  }

  viewOf(pair: Pair): MoveView | undefined {
    const running = this.#running.get(pair.id);
    if (!running) return undefined;
    const { to, since, phase } = running;
    return { to, since: new Date(since).toISOString(), phase, percent: percentOf(phase, pair) };
  }

  /** Begins it; how it goes on is seen in {@link viewOf} and told by the pair's changes. @throws Problem */
  start(pair: Pair, record: PairRecord, to: To): void {
    if (this.#running.has(pair.id)) throw new Problem('conflict', `${record.desktop.name} is being moved already`);
    const reason = whyNoMove(pair, record, to);
    if (reason !== undefined) throw new Problem('conflict', `${record.desktop.name} cannot be moved: ${reason}`);
    const { context } = pair;
    const running: Running = { to, since: context.now(), phase: 'preparing', abort: new AbortController() };
    this.#running.set(pair.id, running);
    context.onChange(pair.id, 'at once');
    void pair.alone(async () => {
      const runs = await this.#run(pair, running).catch((err) => {
        context.log.error({ err, desktop: pair.id }, 'moving a desktop');
        return false;
      });
      this.#running.delete(pair.id);
      context.onChange(pair.id, 'at once');
      pair.kick(true); // its turn is the next one
      if (runs) await sleep(context.timing.quietMs);
    });
  }

  /** @throws Problem when there is none, or it is too late */
  cancel(id: string, name: string): void {
    const running = this.#running.get(id);
    if (!running) throw new Problem('conflict', `${name} is not being moved`);
    if (running.phase === 'finishing') throw new Problem('conflict', `${name} has been moved already`);
    running.abort.abort(new MoveCancelled(`the move of ${name} was cancelled; it goes on where it was`));
  }

  /** The PC has gone, or come anew: a move that is under way cannot be brought to an end with it. */
  linkChanged(pair: Pair): void {
    const running = this.#running.get(pair.id);
    running?.abort.abort(new UserError(`the connection to ${pair.host?.name ?? 'the PC'} was lost`));
  }

  /** The disks have lost each other: the first sign that the way between the two is gone. */
  disksParted(pair: Pair): void {
    const running = this.#running.get(pair.id);
    if (running?.phase !== 'copyingMemory' && running?.phase !== 'switchingOver') return;
    running.abort.abort(new UserError('the disks of server and PC lost each other'));
  }

  close(): void {
    for (const { abort } of this.#running.values()) abort.abort(new UserError('the server is stopping'));
  }

  /** Returns whether the desktop runs on the other side now, and nothing is left to do but tidy up. */
  async #run(pair: Pair, running: Running): Promise<boolean> {
    const { store, log, timing } = pair.context;
    const record = await pair.reload();
    const host = pair.host;
    if (!record || !host) return false;
    await store.notice(pair.id, null);
    pair.memory.migration = undefined;
    const { name } = record.desktop;
    try {
      const result = await moveDesktop(ports(pair, record, host, running), running.abort.signal, timing.move);
      log.info({ desktop: pair.id, to: running.to, ...result }, 'a desktop was moved');
      return result !== undefined;
    } catch (error) {
      log[levelOf(error)]({ err: error, desktop: pair.id, to: running.to, phase: running.phase }, 'a move failed');
      const moved = (await pair.reload())?.desktop.generation !== record.desktop.generation;
      // After the hand-over it is not the move that failed, and what is left is planned anew.
      if (!moved) await store.notice(pair.id, moveFailure(error, name));
      return false;
    } finally {
      // The way for QEMU is closed, and both ends are told anew what is usual.
      Object.assign(pair.memory, { openFor: undefined, migration: undefined });
      Object.assign(pair.memory.resource, { server: undefined, pc: undefined });
    }
  }
}

/** Why a move cannot begin now, in words for people; undefined: it can. */
export function whyNoMove(pair: Pair, record: PairRecord, to: To): string | undefined {
  const { desktop, attachment } = record;
  if (to === 'server') {
    if (desktop.holder_pc === null) return 'it is on the server already';
    if (pair.host?.address === undefined) return 'its PC is not connected to the server';
    if (!pair.memory.pcAttached) return 'its PC does not have its disk ready';
    if (!connected(pair.serverDrbd)) return 'the disks of server and PC are not connected';
    return undefined;
  }
  if (desktop.holder_pc !== null) return 'it is on a PC already';
  if (!attachment) return 'it has no disk on a PC';
  return whyNotHere(pair, record);
}

function ports(pair: Pair, record: PairRecord, host: RemoteHost, running: Running): Move {
  const { desktop } = record;
  const { store, hosting, log } = pair.context;
  const toPc = running.to === 'pc';
  const pcLacksBlocks = toPc ? () => pair.serverDrbd?.peerDisk !== 'UpToDate' : () => desktop.holder_complete === 0;
  let freezes = false;
  return {
    desktop: hostedOf(desktop),
    source: toPc ? pair.server : host,
    target: toPc ? host : pair.server,
    machineOf: (end) => machineAt(pair, host, (end === 'target') === toPc ? 'pc' : 'server'),
    heardOfTarget: () => (toPc ? (pair.memory.pcAttached?.machine ?? { kind: 'none' }) : pair.serverMachine),
    ready: (signal, off) => ready(pair, running.to, off, signal),
    configure: async (mode) => {
      const freezePc = pcLacksBlocks();
      freezes = freezePc;
      // The primary first: told by its peer that protocol C is in force, it could still pull ahead for a moment.
      for (const at of toPc ? (['server', 'pc'] as const) : (['pc', 'server'] as const)) {
        const text = await resourceText(
          pair,
          record,
          mode === 'usual' ? { kind: 'usual' } : { kind: 'move', at, freezePc },
        );
        if (text === undefined) throw new UserError('the PC is not connected');
        await (at === 'pc' ? host : pair.server).configure({ desktop: pair.id, resource: text });
      }
    },
    openWay: async (port) => {
      if (host.address === undefined) throw new UserError('the PC is not connected');
      pair.memory.openFor = undefined;
      await hosting.allowPeer(pair.id, openingsFor(host.address, toPc ? { outgoingPort: port } : 'incoming'));
    },
    checkDisks: () => {
      const status = pair.serverDrbd;
      if (!connected(status)) throw new UserError('the disks of server and PC are not connected any more');
      // Its end is not told to freeze without us, so it must be able to do without.
      if (toPc && !freezes && pcLacksBlocks()) throw new UserError('the disk of the PC fell behind meanwhile');
      if (!toPc && status?.disk !== 'UpToDate') throw new UserError('the disk of the server is not complete');
    },
    commit: () =>
      store.handOver(pair.id, {
        generation: desktop.generation,
        to: toPc
          ? { pc: host.pc, complete: !pcLacksBlocks() && pair.memory.pcAttached?.drbd?.disk === 'UpToDate' }
          : 'server',
      }),
    onPhase: (phase) => {
      running.phase = phase;
      pair.context.onChange(pair.id, 'at once');
    },
    progress: () => JSON.stringify(pair.memory.migration ?? null),
    onUndoFailed: (error) => log.warn({ desktop: pair.id }, `undoing a move: ${messageOf(error)}; it is tried again`),
  };
}

async function machineAt(pair: Pair, host: RemoteHost, end: 'server' | 'pc'): Promise<MachineState> {
  if (end === 'server') return pair.serverMachine;
  const { attached } = await host.inspect({});
  return attached?.desktop === pair.id ? attached.machine : { kind: 'none' };
}

/**
 * To the server only when it has every block: it would go on without the PC's. It has them too while the PC is still being
 * sent its first copy, since what the PC writes goes to both; but of one that is off, nothing more than the bitmap would
 * tell that the last writes have arrived, so that one waits until the disks are the same.
 */
async function ready(pair: Pair, to: To, off: boolean, signal: AbortSignal): Promise<void> {
  const { desktop } = pair.record ?? {};
  if (!desktop) throw new UserError('the desktop is gone');
  if (to === 'server' && !off) {
    const reason = whyNot((await pair.server.inspect({}, signal)).localHost, desktop.memory_mib, 'the server');
    if (reason !== undefined) throw new UserError(reason);
  }
  for (;;) {
    signal.throwIfAborted();
    const status = pair.serverDrbd;
    if (!connected(status)) throw new UserError('the disks of server and PC are not connected');
    const same = status?.outOfSyncKiB === 0 && status.disk === 'UpToDate' && status.peerDisk === 'UpToDate';
    const sending = status?.disk === 'UpToDate' && SENDING.includes(status.replication);
    if (same || to === 'pc' || (sending && !off)) return;
    await new Promise((resolve) => setTimeout(resolve, pair.context.timing.move.look));
  }
}

/** DRBD's replication states of an end that has every block, and sends its peer what that lacks. */
const SENDING = ['SyncSource', 'PausedSyncS'];

/** Of the memory that is left to copy, as people see it: it only says 100 when the copy is over. */
function percentOf(phase: Phase, { memory: { migration } }: Pair): number {
  switch (phase) {
    case 'preparing':
      return 0;
    case 'copyingMemory': {
      if (!migration || migration.totalBytes === 0) return 0;
      return Math.min(99, Math.max(0, Math.floor(100 * (1 - migration.remainingBytes / migration.totalBytes))));
    }
    case 'switchingOver':
    case 'finishing':
      return 100;
    default:
      return phase satisfies never;
  }
}
