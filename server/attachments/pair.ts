/**
 * One desktop and the PC it is kept on: gathers facts, plans, and does one step after the other, one thing at a time.
 * A move has the same turn, so nothing is put right while it is under way; whatever it leaves is put right after it.
 */
import type { Logger } from 'pino';
import { addSample, type Samples } from '#common/drbd/progress.ts';
import { messageOf, UserError } from '#common/errors.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import type {
  DrbdStatus,
  HostAnswer,
  HostNotice,
  MachineState,
  MigrationProgress,
} from '#common/protocol/host-link.ts';
import type { Hosting } from '../hosting.ts';
import type { Hosts, RemoteHost } from '../hosts/hosts.ts';
import { CallTimedOut } from '../hosts/limits.ts';
import { LinkLost } from '../hosts/link.ts';
import { levelOf } from '../problem.ts';
import { gatherFacts } from './gather.ts';
import { nextSteps, type Step, sentenceOf } from './plan.ts';
import { execute } from './steps.ts';
import type { AttachmentStore, PairRecord } from './store.ts';
import type { Timing } from './timing.ts';

export interface PairContext {
  store: AttachmentStore;
  hosting: Hosting;
  /** This server as a host, with time limits. */
  server: DesktopHost;
  timing: Timing;
  hosts: Hosts;
  log: Logger;
  /** ms since the epoch */
  now: () => number;
  /** KiB a second that a resync with this PC may use now; undefined: no limit. */
  limitOf(record: PairRecord): Promise<number | undefined>;
  /** Whether the disk is in its PC, as far as that told. */
  diskThere(record: PairRecord): Promise<boolean>;
  /** Something that people see has changed; `at once`, or it may wait for what follows. */
  onChange(id: string, how: 'at once' | 'soon'): void;
  /** A PC has given a disk up: other desktops may wait for that. */
  onDetached(pc: string): void;
}

/** What was told to each end, and heard from it; gone with our process, and asked anew then. */
export interface PairMemory {
  /** Texts that the ends have now. */
  resource: { server: string | undefined; pc: string | undefined };
  /** JSON of what the firewall lets in; `''`: nobody. */
  openFor: string | undefined;
  pausedNow: boolean | undefined;
  /** Not before then (ms since the epoch), should an end stand alone. */
  reconnectAt: { server?: number; pc?: number };
  /** {@link RemoteHost.links} at which `resource.pc` was told. */
  links: number;
  /** {@link RemoteHost.links} at which the server's copy was given up for the one of this PC. */
  discardedFor: number;
  pcAttached: HostAnswer<'inspect'>['attached'];
  localHost: HostAnswer<'inspect'>['localHost'] | undefined;
  migration: MigrationProgress | undefined;
  /** Percent of the PC's disk that is zero already, while it is made so; undefined: it is not. */
  emptied: number | undefined;
  /** Ends the attaching that is under way before its time; undefined: there is none. */
  breakOff: (() => Promise<unknown>) | undefined;
  /** Since when the PC is switching the desktop on, ms since the epoch; undefined: it is not. */
  startingSince: number | undefined;
  disconnectedSince: number;
  samples: Samples;
}

interface Failure {
  step: Step;
  message: string;
  hint: string | undefined;
  count: number;
  /** ms since the epoch; Infinity: not by itself. */
  retryAt: number;
}

/** A plan is some ten steps long; one that does not end is a mistake of ours, and waits. */
const MAX_STEPS = 60;

export class Pair {
  readonly id: string;
  readonly context: PairContext;
  readonly memory: PairMemory;
  record: PairRecord | undefined;
  #failure: Failure | undefined;
  #doing: Step | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #queued = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #lastSignature = '';

  constructor(id: string, context: PairContext) {
    this.id = id;
    this.context = context;
    this.memory = {
      resource: { server: undefined, pc: undefined },
      ...{ openFor: undefined, pausedNow: undefined, reconnectAt: {}, links: -1, discardedFor: -1 },
      ...{ pcAttached: undefined, localHost: undefined, migration: undefined, startingSince: undefined },
      ...{ emptied: undefined, breakOff: undefined },
      disconnectedSince: context.now(),
      samples: [],
    };
  }

  /** The PC that counts: the holder, else the one that is attached or still to be detached. */
  get host(): RemoteHost | undefined {
    const { record, context } = this;
    if (!record) return undefined;
    const lastUsed = record.known[0]?.pc;
    const pc = record.desktop.holder_pc ?? record.attachment?.pc ?? lastUsed;
    return pc === undefined ? undefined : context.hosts.of({ pc, user: record.desktop.owner });
  }

  get server(): DesktopHost {
    return this.context.server;
  }

  get serverMachine(): MachineState {
    return this.context.hosting.machineState(this.id);
  }

  get serverDrbd(): DrbdStatus | undefined {
    return this.context.hosting.drbdStatus(this.id);
  }

  get doing(): string | undefined {
    return this.#doing && sentenceOf(this.#doing);
  }

  /** What keeps it from becoming as wanted; undefined while it gets on. */
  get failure(): { message: string; hint: string | undefined; step: Step } | undefined {
    return this.#failure;
  }

  /** Looks anew and does what is left to do, soon. `wish`: a person wants something, so what failed is tried again. */
  kick(wish = false): void {
    if (wish) this.#failure = undefined;
    if (this.#queued || this.#closed) return;
    this.#queued = true;
    void this.alone(async () => {
      this.#queued = false;
      await this.#reconcile();
    }).catch((err) => this.context.log.error({ err, desktop: this.id }, 'looking after a desktop'));
  }

  /** Its disk on the PC is not wanted any more: nobody waits until that has been made ready. */
  letGo(): void {
    this.memory.breakOff?.().catch((err) => {
      this.context.log.warn({ err, desktop: this.id }, 'attaching goes on, though nobody wants it');
    });
    this.kick(true);
  }

  /** As {@link kick}, and waits until it is done as far as it can be. */
  async putRight(): Promise<void> {
    this.#failure = undefined;
    await this.alone(() => this.#reconcile());
  }

  /** Does something while nothing else is done to this desktop. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return await turn;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    for (let turn = this.#turn; ; turn = this.#turn) {
      await turn;
      if (turn === this.#turn) return;
    }
  }

  async reload(): Promise<PairRecord | undefined> {
    this.record = await this.context.store.read(this.id);
    return this.record;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Something one of the ends told; `from` undefined: the server. */
  heard(notice: HostNotice, from: RemoteHost | undefined): void {
    if (from && from !== this.host) return;
    const { memory } = this;
    switch (notice.notice) {
      case 'migration':
        memory.migration = notice.progress;
        this.context.onChange(this.id, 'soon');
        return;
      case 'emptying':
        if (this.#doing?.do === 'attach') memory.emptied = notice.percent;
        this.context.onChange(this.id, 'soon');
        return;
      case 'machine':
        if (from && memory.pcAttached) memory.pcAttached = { ...memory.pcAttached, machine: notice.state };
        break;
      case 'drbd':
        if (from && memory.pcAttached) memory.pcAttached = { ...memory.pcAttached, drbd: notice.status };
        if (!from) this.#measure(notice.status);
        break;
      default:
        notice satisfies never;
    }
    this.#heardSomething();
  }

  /** The PC's link came or went. */
  linkChanged(): void {
    this.#failure = undefined;
    this.context.onChange(this.id, 'at once');
    this.kick();
  }

  #measure(status: DrbdStatus): void {
    const { memory, context } = this;
    const was = memory.samples.at(-1);
    if (status.connection !== 'Connected') memory.samples = [];
    else if (was?.outOfSyncKiB !== status.outOfSyncKiB || memory.samples.length === 0) {
      memory.samples = addSample(memory.samples, context.now(), status.outOfSyncKiB);
    }
  }

  /** Progress is only shown; what may decide something leads to a new plan. */
  #heardSomething(): void {
    const { memory } = this;
    const brief = (d: DrbdStatus | undefined) =>
      d && [d.role, d.disk, d.connection, d.replication, d.peerRole, d.peerDisk, d.suspended];
    const { machine, drbd } = memory.pcAttached ?? {};
    const signature = JSON.stringify([brief(this.serverDrbd), brief(drbd), machine?.kind, this.serverMachine.kind]);
    const decides = signature !== this.#lastSignature;
    this.#lastSignature = signature;
    this.context.onChange(this.id, decides ? 'at once' : 'soon');
    if (decides) this.kick();
  }

  async #reconcile(): Promise<void> {
    clearTimeout(this.#timer);
    for (let done = 0; done < MAX_STEPS && !this.#closed; done += 1) {
      const record = await this.reload();
      if (!record) return;
      const [step] = nextSteps(await gatherFacts(this, record));
      if (step === undefined) {
        this.#finished();
        if (this.#standsAlone) this.#retryLater(this.context.now() + this.context.timing.reconnectMs);
        return;
      }
      if (this.#mustWait(step)) return;
      if (!(await this.#do(step, record))) return;
    }
    if (!this.#closed) this.#fail({ do: 'configure', at: 'server' }, new Error('the plan does not come to an end'));
  }

  get #standsAlone(): boolean {
    return this.record?.attachment !== undefined && this.serverDrbd?.connection === 'StandAlone';
  }

  async #do(step: Step, record: PairRecord): Promise<boolean> {
    const { log } = this.context;
    this.#doing = step;
    this.context.onChange(this.id, 'at once');
    log.info({ desktop: this.id, step }, sentenceOf(step));
    try {
      await execute(step, { pair: this, record });
      if (this.#failure && sameStep(this.#failure.step, step)) this.#failure = undefined;
      return true;
    } catch (error) {
      this.#fail(step, error);
      return false;
    } finally {
      this.#doing = undefined;
      this.context.onChange(this.id, 'at once');
    }
  }

  #finished(): void {
    if (!this.#failure) return;
    this.#failure = undefined;
    this.context.onChange(this.id, 'at once');
  }

  #mustWait(step: Step): boolean {
    const { now } = this.context;
    if (!this.#failure || !sameStep(this.#failure.step, step) || this.#failure.retryAt <= now()) return false;
    this.#retryLater(this.#failure.retryAt);
    return true;
  }

  #fail(step: Step, error: unknown): void {
    const { log, now } = this.context;
    log[levelOf(error)]({ err: error, desktop: this.id, step }, `failed: ${sentenceOf(step)}`);
    const again = this.#failure && sameStep(this.#failure.step, step) ? this.#failure.count : 0;
    const { retryMs } = this.context.timing;
    const wait = retryMs[Math.min(again, retryMs.length - 1)] ?? 0;
    // What a PC refuses in words (its guard, most of all) it refuses again: a person has to look.
    const refused = step.do === 'attach' && !(error instanceof LinkLost) && !(error instanceof CallTimedOut);
    const retryAt = refused && error instanceof UserError ? Number.POSITIVE_INFINITY : now() + wait;
    const hint = error instanceof UserError ? error.hint : undefined;
    this.#failure = { step, message: messageOf(error), hint, count: again + 1, retryAt };
    this.#retryLater(retryAt);
  }

  #retryLater(at: number): void {
    clearTimeout(this.#timer);
    if (this.#closed || !Number.isFinite(at)) return;
    this.#timer = setTimeout(() => this.kick(), Math.max(1, at - this.context.now()));
    this.#timer.unref();
  }
}

function sameStep(a: Step, b: Step): boolean {
  return a.do === b.do && ('at' in a ? a.at : '') === ('at' in b ? b.at : '');
}
