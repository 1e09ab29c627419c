/** One desktop on this server: its state, from what systemd and QEMU say, and what is done to it, one thing at a time. */
import type { Logger } from 'pino';
import { messageOf } from '#common/errors.ts';
import { type Owner, screenPort } from '#common/hosting/files.ts';
import { HostedMachine } from '#common/hosting/machine.ts';
import { type Folders, type Places, placesOf } from '#common/hosting/places.ts';
import type { DesktopState } from '#common/protocol/desktop.ts';
import type { HostArgs, MachineState, MigrationProgress, MigrationResult } from '#common/protocol/host-link.ts';
import type { QmpConnection } from '#common/qemu/connection.ts';
import { type DesktopRecord, HostingError } from '../hosting.ts';
import { SERVER_ADDRESS } from '../tunnel/addresses.ts';
import { nextSteps, sentenceOf, type Wanted } from './plan.ts';
import { migrationPort, Replication } from './replication.ts';
import { execute, gatherFacts, type StepContext, startMachine } from './steps.ts';
import { Viewers } from './viewers.ts';

/** Milliseconds after which a guest that was asked to shut down counts as running again: it did not want to. */
const SHUT_DOWN_LIMIT = 180_000;
/**
 * Milliseconds between two presses of the power button. A guest that is still starting loses the first one; one that is
 * shutting down does not mind another.
 */
const PRESS_EVERY = 20_000;

export interface DesktopOptions {
  id: string;
  folders: Folders;
  owner: Owner;
  log: Logger;
  /** Whether there is a pool to look for disks in. */
  storage(): boolean;
  /** A TCP port that no other desktop has. */
  freePort(): number;
  onChange(): void;
  onMachine(state: MachineState): void;
  onProgress(progress: MigrationProgress): void;
}

export class ServerDesktop {
  readonly id: string;
  readonly replication: Replication;
  readonly #machine: HostedMachine;
  #options: DesktopOptions;
  #places: Places;
  #state: DesktopState = { kind: 'off' };
  #viewers: Viewers | undefined;
  #port: number | undefined;
  /** It is being sent here: what goes wrong with the machine is no failure of the desktop, which runs elsewhere. */
  #receiving = false;
  #queue: Promise<unknown> = Promise.resolve();
  #shutDownTimer: NodeJS.Timeout | undefined;

  constructor(options: DesktopOptions) {
    this.id = options.id;
    this.#options = options;
    this.#places = placesOf(options.id, options.folders);
    this.replication = new Replication(options.id, options);
    this.#machine = new HostedMachine({
      places: this.#places,
      log: options.log.child({ desktop: options.id }),
      onConnected: (qmp) => this.#connected(qmp),
      onState: (state) => this.#machineIs(state),
      onEvent: async (event) => this.#viewers?.onEvent(event),
      onProgress: (progress) => options.onProgress(progress),
    });
  }

  get state(): DesktopState {
    return this.#state;
  }

  get machine(): MachineState {
    return this.#machine.state;
  }

  /** The port of its screen, while it has one. */
  get port(): number | undefined {
    return this.#port;
  }

  get openings(): { peer: string; port: number }[] {
    return this.#viewers?.openings ?? [];
  }

  /** Looks whether it runs, and takes it over if so. Never throws: what is wrong becomes its state. */
  async find(): Promise<void> {
    await this.#alone(async () => {
      this.#port = await screenPort(this.#places);
      await this.#machine.find();
      if (this.#machine.state.kind === 'none') this.#port = undefined;
    });
  }

  /** Brings it to what is wanted, step by step. */
  async become(wanted: Wanted): Promise<void> {
    await this.#alone(() => this.#carryOut(wanted));
  }

  /** Does something to its disk, when nothing else is being done to the desktop. */
  async replicate<T>(work: (replication: Replication) => Promise<T>): Promise<T> {
    return await this.#alone(() => work(this.replication));
  }

  /** Switches it on. Resolves when it is starting; how that went on is told by its state. */
  start(desktop: DesktopRecord): void {
    if (this.#state.kind === 'starting' || this.#state.kind === 'running') return;
    this.startAndWait(desktop).catch((err) =>
      this.#options.log.warn({ err, desktop: this.id }, 'the desktop did not start'),
    );
  }

  /** Switches it on. Resolves when it runs. */
  async startAndWait(desktop: DesktopRecord): Promise<void> {
    this.#setState({ kind: 'starting', since: now(), step: 'Switching the desktop on' });
    await this.#alone(async () => {
      try {
        await this.#carryOut({ kind: 'running', desktop });
      } catch (error) {
        await this.#machine.startFailed(messageOf(error).split('\n')[0] ?? 'unknown');
        throw error;
      } finally {
        this.#machineIs(this.#machine.state);
      }
    });
  }

  async shutDown(): Promise<void> {
    if (this.#state.kind === 'off' || this.#state.kind === 'failed') return;
    if (this.#machine.state.kind !== 'running') {
      throw new HostingError('conflict', 'the desktop is not up yet, so it cannot be asked to shut down');
    }
    await this.#machine.pressPowerButton();
    if (this.#state.kind !== 'stopping') this.#setState({ kind: 'stopping', since: now() });
    const deadline = Date.now() + SHUT_DOWN_LIMIT;
    clearInterval(this.#shutDownTimer);
    this.#shutDownTimer = setInterval(() => void this.#pressAgain(deadline), PRESS_EVERY);
    this.#shutDownTimer.unref();
  }

  async #pressAgain(deadline: number): Promise<void> {
    const { log } = this.#options;
    const up = this.#machine.state.kind === 'running' && this.#state.kind === 'stopping';
    if (up && Date.now() < deadline) {
      await this.#machine.pressPowerButton().catch((err) => log.debug({ err }, 'it went while the button was pressed'));
      return;
    }
    clearInterval(this.#shutDownTimer);
    if (!up) return;
    log.warn({ desktop: this.id }, 'the guest did not shut down when asked');
    this.#setRunning({ insist: true });
  }

  /** Ends the machine, whatever it is doing: also one that was sent away, or was to arrive. */
  async forceOff(): Promise<void> {
    await this.#alone(async () => {
      await this.#endViewers();
      try {
        await this.replication.drbd.unfreeze(); // a machine whose disk is frozen cannot be ended
        await this.#machine.end();
      } catch (error) {
        this.#setState({ kind: 'failed', at: now(), reason: `it could not be switched off: ${messageOf(error)}` });
        throw error;
      }
      this.#machineIs(this.#machine.state);
    });
  }

  /** Starts a machine that waits to be sent here; where it listens. */
  async receive(desktop: DesktopRecord): Promise<{ host: string; port: number }> {
    return await this.#alone(async () => {
      const { kind } = this.#machine.state;
      if (kind !== 'none' && kind !== 'failed') throw new HostingError('conflict', `the desktop is "${kind}" here`);
      await this.#machine.end();
      const at = { host: SERVER_ADDRESS, port: migrationPort(desktop.minor) };
      this.#receiving = true;
      await this.#machine.receive(() => startMachine(desktop, this.#context(desktop), { incoming: true }), at);
      return at;
    });
  }

  /** Sends the machine away; see `HostCalls.migrateTo`. Begun in turn; what comes next does not wait for its end. */
  async send(to: Omit<HostArgs<'migrateTo'>, 'desktop'>, signal?: AbortSignal): Promise<MigrationResult> {
    const { result } = await this.#alone(async () => ({ result: this.#machine.send({ ...to, signal }) }));
    return await result;
  }

  async cancelSending(): Promise<void> {
    await this.#machine.cancelSending();
  }

  /** Lets a machine that has arrived, or was sent and is taken back, run here. */
  async letRun(from: 'arrived' | 'sent'): Promise<void> {
    await this.#alone(async () => {
      await this.#machine.letRun(from);
      this.#receiving = false;
      this.#machineIs(this.#machine.state);
    });
  }

  async ticket(peer: string): Promise<{ password: string; port: number; expiresAt: number }> {
    const up = this.#state.kind === 'running' || this.#state.kind === 'stopping';
    if (!this.#viewers || !up) {
      throw new HostingError('conflict', 'the desktop is not running', { hint: 'Start it first.' });
    }
    return { ...(await this.#viewers.issue(peer)), port: this.#viewers.port };
  }

  /** Cuts off the viewer at this address, if there is one. */
  async expel(peer: string): Promise<void> {
    await this.#viewers?.expel(peer);
  }

  /** A guest that was paused because the pool was full goes on. */
  async resumeIfPaused(): Promise<void> {
    await this.#machine.resumeIfPaused();
  }

  /** Stops watching; the machine goes on. */
  close(): void {
    clearInterval(this.#shutDownTimer);
    this.#machine.close();
  }

  /** One thing at a time: what is asked while another step runs waits for it. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work, work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  #context(desktop: DesktopRecord | undefined): StepContext {
    const { folders, owner } = this.#options;
    return {
      id: this.id,
      places: this.#places,
      folders,
      owner,
      machine: this.#machine,
      replication: this.replication,
      desktop,
      takePort: () => {
        this.#port = this.#options.freePort();
        return this.#port;
      },
    };
  }

  async #carryOut(wanted: Wanted): Promise<void> {
    const { storage, log } = this.#options;
    const context = this.#context('desktop' in wanted ? wanted.desktop : undefined);
    for (const step of nextSteps(await gatherFacts(context, storage()), wanted)) {
      log.info({ desktop: this.id, step: step.do }, sentenceOf(step));
      if (this.#state.kind === 'starting') this.#setState({ ...this.#state, step: sentenceOf(step) });
      await execute(step, context);
    }
  }

  async #connected(qmp: QmpConnection): Promise<void> {
    const port = this.#port;
    if (port === undefined) throw new Error('the port of its screen is not known');
    const log = this.#options.log.child({ desktop: this.id });
    this.#viewers = new Viewers({ qmp, port, log, onCount: () => this.#setRunning() });
    await this.#viewers.begin();
  }

  async #endViewers(): Promise<void> {
    const viewers = this.#viewers;
    this.#viewers = undefined;
    await viewers?.end().catch((err) => this.#options.log.warn({ err }, 'closing the firewall'));
  }

  /** What the machine is doing becomes what people see of the desktop. */
  #machineIs(machine: MachineState): void {
    const before = this.#state;
    switch (machine.kind) {
      case 'incoming':
      case 'arrived':
        this.#receiving = true;
        if (before.kind !== 'starting') this.#setState({ kind: 'starting', since: now(), step: ARRIVING });
        break;
      case 'running':
      case 'migrating':
      case 'sent':
        this.#setRunning();
        break;
      case 'none':
        // A broken one was ended in order to be started: people see one start
        if (before.kind === 'starting' && !this.#receiving) void this.#endViewers();
        else this.#gone({ kind: 'off' });
        break;
      case 'failed': {
        const { reason } = machine;
        if (this.#receiving) this.#options.log.warn({ desktop: this.id, reason }, 'the desktop did not arrive');
        this.#gone(this.#receiving ? { kind: 'off' } : { kind: 'failed', at: now(), reason });
        break;
      }
      default:
        machine satisfies never;
    }
    this.#options.onMachine(machine);
  }

  #gone(state: DesktopState): void {
    clearInterval(this.#shutDownTimer);
    void this.#endViewers();
    // One that only does not answer holds its port still, and may be found again.
    if (state.kind !== 'failed') this.#port = undefined;
    this.#receiving = false;
    this.#setState(state);
  }

  /** @param options `insist`: also when it was asked to shut down */
  #setRunning(options: { insist: boolean } = { insist: false }): void {
    const { state } = this.#machine;
    if (!RUNNING.includes(state.kind)) return;
    if (this.#state.kind === 'stopping' && !options.insist) return;
    const known = this.#state.kind === 'running' ? this.#state.since : now();
    const since = state.kind === 'running' ? state.since : known;
    this.#setState({ kind: 'running', since, viewers: this.#viewers?.count ?? 0 });
  }

  #setState(state: DesktopState): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    this.#options.log.info({ desktop: this.id, state }, 'state');
    this.#options.onChange();
  }
}

/** A machine that is being sent, or was, still is the desktop that people work with. */
const RUNNING: readonly MachineState['kind'][] = ['running', 'migrating', 'sent'];

const ARRIVING = 'The desktop is arriving';

function now(): string {
  return new Date().toISOString();
}
