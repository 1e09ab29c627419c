/** One desktop on this server: its state, from what systemd and QEMU say, and what is done to it, one thing at a time. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '#common/errors.ts';
import type { DesktopState } from '#common/protocol/client-server.ts';
import { pressPowerButton, queryStatus, resume } from '#common/qemu/commands.ts';
import { QmpConnection } from '#common/qemu/connection.ts';
import type { QmpEvent } from '#common/qemu/wire.ts';
import { activeSince, clearFailure, lastLines, unitState } from '#common/systemd/transient.ts';
import { HostingError } from '../hosting.ts';
import { failureReason } from './failure.ts';
import { type Folders, type Places, placesOf } from './places.ts';
import { nextSteps, sentenceOf, type Wanted } from './plan.ts';
import { execute, gatherFacts, type StepContext } from './steps.ts';
import { Viewers } from './viewers.ts';

/** Milliseconds that a starting QEMU has to open its QMP socket: a few hundred are usual, nested and loaded many more. */
const CONNECT_LIMIT = 60_000;
/** Milliseconds that a QEMU found again has to answer. */
const FIND_LIMIT = 15_000;
/** Milliseconds after which a guest that was asked to shut down counts as running again: it did not want to. */
const SHUT_DOWN_LIMIT = 180_000;
/**
 * Milliseconds between two presses of the power button. A guest that is still starting loses the first one; one that is
 * shutting down does not mind another.
 */
const PRESS_EVERY = 20_000;
/** Milliseconds that systemd gets to notice that a process is gone. */
const GONE_LIMIT = 20_000;

export interface DesktopOptions {
  id: string;
  folders: Folders;
  owner: { uid: number; gid: number };
  log: Logger;
  /** Whether there is a pool to look for disks in. */
  storage(): boolean;
  /** A TCP port that no other desktop has. */
  freePort(): number;
  onChange(): void;
}

export class HostedDesktop {
  readonly id: string;
  #options: DesktopOptions;
  #places: Places;
  #state: DesktopState = { kind: 'off' };
  #qmp: QmpConnection | undefined;
  #viewers: Viewers | undefined;
  /** When its unit became active: the same before and after a restart of our process. */
  #runningSince: string | undefined;
  #port: number | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #shutDownTimer: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: DesktopOptions) {
    this.id = options.id;
    this.#options = options;
    this.#places = placesOf(options.id, options.folders);
  }

  get state(): DesktopState {
    return this.#state;
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
      const unit = await unitState(this.#places.unit);
      if (unit.kind === 'failed') return await this.#gone();
      if (unit.kind === 'none') return;
      this.#port = Number(await readFile(this.#places.portFile, 'utf8').catch(() => '')) || undefined;
      try {
        await this.#connect(FIND_LIMIT);
      } catch (error) {
        this.#fail(`it runs and does not answer: ${messageOf(error)}`);
      }
    });
  }

  /** Brings it to what is wanted, step by step. `onStep` hears each sentence. */
  async become(wanted: Wanted): Promise<void> {
    await this.#alone(() => this.#carryOut(wanted));
  }

  /** Switches it on. Resolves when it is starting; how that went on is told by its state. */
  start(wanted: Extract<Wanted, { kind: 'running' }>): void {
    if (this.#state.kind === 'starting' || this.#state.kind === 'running') return;
    this.#setState({ kind: 'starting', since: now(), step: 'Switching the desktop on' });
    void this.#alone(async () => {
      try {
        await this.#carryOut(wanted);
      } catch (error) {
        await this.#startFailed(error);
      }
    });
  }

  async shutDown(): Promise<void> {
    if (this.#state.kind === 'off' || this.#state.kind === 'failed') return;
    if (!this.#qmp) throw new HostingError('conflict', 'the desktop is not up yet, so it cannot be asked to shut down');
    await pressPowerButton(this.#qmp);
    if (this.#state.kind !== 'stopping') this.#setState({ kind: 'stopping', since: now() });
    const deadline = Date.now() + SHUT_DOWN_LIMIT;
    clearInterval(this.#shutDownTimer);
    this.#shutDownTimer = setInterval(() => void this.#pressAgain(deadline), PRESS_EVERY);
    this.#shutDownTimer.unref();
  }

  async #pressAgain(deadline: number): Promise<void> {
    const { log } = this.#options;
    if (this.#qmp && this.#state.kind === 'stopping' && Date.now() < deadline) {
      await pressPowerButton(this.#qmp).catch((err) => log.debug({ err }, 'it went while the button was pressed'));
      return;
    }
    clearInterval(this.#shutDownTimer);
    if (!this.#qmp || this.#state.kind !== 'stopping') return;
    log.warn({ desktop: this.id }, 'the guest did not shut down when asked');
    this.#setState({ kind: 'running', since: this.#runningSince ?? now(), viewers: this.#viewers?.count ?? 0 });
  }

  async forceOff(): Promise<void> {
    const { log } = this.#options;
    await this.#alone(async () => {
      await this.#viewers?.end().catch((err) => log.warn({ err }, 'closing the firewall'));
      const port = this.#port;
      this.#forgetMachine(); // before its end, so that this end is not taken for a failure
      try {
        await this.#carryOut({ kind: 'off' });
        await clearFailure(this.#places.unit); // it may have needed SIGKILL
      } catch (error) {
        this.#port = port;
        this.#fail(`it could not be switched off: ${messageOf(error)}`);
        throw error;
      }
      if (this.#state.kind !== 'off') this.#setState({ kind: 'off' });
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
    if (this.#qmp && (await queryStatus(this.#qmp)) === 'io-error') await resume(this.#qmp);
  }

  /** Stops watching; the machine goes on. */
  close(): void {
    this.#closing = true;
    clearInterval(this.#shutDownTimer);
    this.#qmp?.close();
  }

  /** One thing at a time: what is asked while another step runs waits for it. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work, work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #carryOut(wanted: Wanted): Promise<void> {
    const { folders, owner, storage, log } = this.#options;
    const context: StepContext = {
      id: this.id,
      places: this.#places,
      folders,
      owner,
      takePort: () => {
        this.#port = this.#options.freePort();
        return this.#port;
      },
      connect: () => this.#connect(CONNECT_LIMIT),
    };
    const facts = { id: this.id, places: this.#places, connected: this.#qmp !== undefined };
    for (const step of nextSteps(await gatherFacts(facts, storage()), wanted)) {
      log.info({ desktop: this.id, step: step.do }, sentenceOf(step));
      if (this.#state.kind === 'starting') this.#setState({ ...this.#state, step: sentenceOf(step) });
      await execute(step, context);
    }
    if (wanted.kind === 'running' && this.#qmp && this.#state.kind === 'starting') this.#setRunning();
  }

  async #startFailed(error: unknown): Promise<void> {
    this.#options.log.warn({ err: error, desktop: this.id }, 'could not start');
    const unit = await unitState(this.#places.unit).catch(() => ({ kind: 'none' }) as const);
    // The machine's own last words say more than "it does not answer".
    if (unit.kind === 'failed') return await this.#gone();
    this.#fail(messageOf(error).split('\n')[0] ?? 'unknown');
  }

  async #connect(limit: number): Promise<void> {
    const { log } = this.#options;
    const ended = new AbortController();
    const qmp = await Promise.race([
      QmpConnection.connect(this.#places.monitor, { timeoutMs: limit, signal: ended.signal }),
      this.#unitEnds(ended.signal),
    ]).finally(() => ended.abort());
    if (!qmp) throw new HostingError('unavailable', 'the virtual machine ended while it was starting');
    const port = this.#port;
    if (port === undefined) {
      qmp.close();
      throw new Error('the port of its screen is not known');
    }
    this.#qmp = qmp;
    this.#viewers = new Viewers({ qmp, port, log: log.child({ desktop: this.id }), onCount: () => this.#setRunning() });
    this.#runningSince = (await activeSince(this.#places.unit))?.toISOString();
    await this.#viewers.begin();
    qmp.onEvent((event) => this.#onEvent(event));
    void qmp.closed.then(() => this.#disconnected(qmp));
    this.#setRunning();
  }

  /** Resolves with undefined when the unit is not up any more. */
  async #unitEnds(signal: AbortSignal): Promise<undefined> {
    while (!signal.aborted) {
      await sleep(500, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const { kind } = await unitState(this.#places.unit);
      if (kind === 'none' || kind === 'failed') return;
    }
  }

  async #onEvent(event: QmpEvent): Promise<void> {
    if (event.name === 'BLOCK_IO_ERROR') {
      this.#options.log.error({ desktop: this.id, ...event.data }, 'its disk could not be written or read');
    }
    await this.#viewers?.onEvent(event);
  }

  /** The connection to QEMU ended: QEMU is gone, or only the connection. */
  async #disconnected(qmp: QmpConnection): Promise<void> {
    if (this.#closing || this.#qmp !== qmp) return;
    this.#qmp = undefined;
    const { log } = this.#options;
    try {
      const deadline = Date.now() + GONE_LIMIT;
      let unit = await unitState(this.#places.unit);
      while ((unit.kind === 'stopping' || unit.kind === 'active') && Date.now() < deadline) {
        if (unit.kind === 'active') {
          const again = await this.#connect(1_000).then(
            () => true,
            () => false,
          );
          if (again) return;
        } else await sleep(100);
        unit = await unitState(this.#places.unit);
      }
      if (unit.kind === 'active') return this.#fail('it runs and does not answer any more');
      await this.#gone();
    } catch (err) {
      log.error({ err, desktop: this.id }, 'finding out why it ended');
      this.#fail(messageOf(err));
    }
  }

  /** The machine is off, for whatever reason: the reason becomes the state. */
  async #gone(): Promise<void> {
    const { log } = this.#options;
    const unit = await unitState(this.#places.unit);
    await this.#viewers?.end().catch((err) => log.warn({ err }, 'closing the firewall'));
    this.#forgetMachine();
    if (unit.kind !== 'failed') return this.#setState({ kind: 'off' });
    const lines = await lastLines(unit.invocation, 20).catch(() => []);
    this.#fail(failureReason(unit, lines));
  }

  #forgetMachine(): void {
    clearInterval(this.#shutDownTimer);
    const qmp = this.#qmp;
    this.#qmp = undefined;
    this.#viewers = undefined;
    this.#port = undefined;
    qmp?.close();
  }

  #setRunning(): void {
    const since = this.#runningSince ?? now();
    if (this.#state.kind === 'stopping' && this.#qmp) return;
    this.#setState({ kind: 'running', since, viewers: this.#viewers?.count ?? 0 });
  }

  #fail(reason: string): void {
    this.#setState({ kind: 'failed', at: now(), reason });
  }

  #setState(state: DesktopState): void {
    this.#state = state;
    this.#options.log.info({ desktop: this.id, state }, 'state');
    this.#options.onChange();
  }
}

function now(): string {
  return new Date().toISOString();
}
