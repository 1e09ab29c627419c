/**
 * The virtual machine of a desktop on the host we run on, server or PC: a systemd unit with QEMU in it and one QMP
 * connection, started, received, sent and found again. It knows nothing of who may run it: that is decided above.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf, UserError } from '#common/errors.ts';
import type { MachineState, MigrationProgress, MigrationResult } from '#common/protocol/host-link.ts';
import { pressPowerButton, queryStatus, resume } from '#common/qemu/commands.ts';
import { QmpConnection } from '#common/qemu/connection.ts';
import {
  cancelSending,
  listenForMachine,
  queryMigration,
  type SendOptions,
  sendMachine,
} from '#common/qemu/migration.ts';
import type { QmpEvent } from '#common/qemu/wire.ts';
import {
  activeSince,
  clearFailure,
  lastLines,
  stopService,
  type UnitState,
  unitState,
} from '#common/systemd/transient.ts';
import { failureReason } from './failure.ts';
import type { Places } from './places.ts';

/** Milliseconds that a starting QEMU has to open its QMP socket: a few hundred are usual, nested and loaded many more. */
const CONNECT_LIMIT = 60_000;
/** Milliseconds that a QEMU found again has to answer. */
const FIND_LIMIT = 15_000;
/** Milliseconds that systemd gets to notice that a process is gone, and a QEMU whose connection broke to answer again. */
const GONE_LIMIT = 20_000;
/** Milliseconds that it has for each answer meanwhile. */
const SEEK_LIMIT = 5_000;
/** QAPI RunStates that nothing but a new start leads out of. */
const BROKEN = ['guest-panicked', 'internal-error'];
const SILENT = 'it runs and does not answer any more';

export interface MachineOptions {
  places: Places;
  log: Logger;
  /** Before any state that follows from the connection is told. */
  onConnected?(qmp: QmpConnection): Promise<void>;
  /** After every change. `none`: off, or not here. */
  onState(state: MachineState): void;
  onEvent?(event: QmpEvent): Promise<void>;
  onProgress?(progress: MigrationProgress): void;
}

export class HostedMachine {
  readonly #options: MachineOptions;
  #state: MachineState = { kind: 'none' };
  #qmp: QmpConnection | undefined;
  /** When its unit became active: the same before and after a restart of our process. */
  #since = '';
  #closing = false;
  /** While we wait for it to be sent. */
  #sending: AbortController | undefined;
  /** While we look for one whose connection was lost. */
  #seeking: AbortController | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
  }

  get state(): MachineState {
    return this.#state;
  }

  /** While we are connected to it. */
  get qmp(): QmpConnection | undefined {
    return this.#qmp;
  }

  unit(): Promise<UnitState> {
    return unitState(this.#options.places.unit);
  }

  /** Whether it is there, but stopped for good: it is then `failed`, and has to be ended before it can be started. */
  async isBroken(): Promise<boolean> {
    return (
      this.#state.kind === 'failed' &&
      this.#qmp !== undefined &&
      BROKEN.includes(await queryStatus(this.#qmp).catch(() => ''))
    );
  }

  /** Starts it from its disk, by `start`. Resolves when it runs; when it does not, the reason becomes its state. */
  async startCold(start: () => Promise<void>): Promise<void> {
    try {
      await start();
      await this.connect();
    } catch (error) {
      await this.startFailed(messageOf(error).split('\n')[0] ?? 'unknown');
      throw error;
    }
  }

  /** After a start that did not get as far as {@link connect}: what the unit says becomes the state. */
  async startFailed(reason: string): Promise<void> {
    const unit = await this.unit().catch(() => ({ kind: 'none' }) as const);
    // The machine's own last words say more than "it does not answer".
    if (unit.kind === 'failed') await this.#gone();
    else this.#setState({ kind: 'failed', reason });
  }

  /** Looks whether it is there, and takes it over if so. Never throws: what is wrong becomes its state. */
  async find(): Promise<void> {
    const unit = await this.unit();
    if (unit.kind === 'failed') return await this.#gone();
    if (unit.kind === 'none') return;
    try {
      await this.connect(FIND_LIMIT);
    } catch (error) {
      this.#setState({ kind: 'failed', reason: `it runs and does not answer: ${messageOf(error)}` });
      void this.#seek();
    }
  }

  /**
   * Connects to QMP, and finds out how the machine is doing.
   * @throws UserError when it ends meanwhile or does not answer
   */
  async connect(limit = CONNECT_LIMIT): Promise<void> {
    this.#seeking?.abort();
    await this.#connect(limit);
  }

  async #connect(timeoutMs: number, unwanted?: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const signal = unwanted ? AbortSignal.any([ended.signal, unwanted]) : ended.signal;
    const qmp = await Promise.race([
      QmpConnection.connect(this.#options.places.monitor, { timeoutMs, signal }),
      this.#unitEnds(ended.signal),
    ]).finally(() => ended.abort());
    if (unwanted?.aborted) qmp?.close();
    unwanted?.throwIfAborted();
    if (!qmp) throw new UserError('the virtual machine ended while it was starting');
    this.#since = ((await activeSince(this.#options.places.unit)) ?? new Date()).toISOString();
    try {
      this.#qmp = qmp;
      await this.#options.onConnected?.(qmp);
      qmp.onEvent((event) => this.#onEvent(event));
      await this.#look(qmp);
    } catch (error) {
      this.#qmp = undefined;
      qmp.close();
      throw error;
    }
    void qmp.closed.then(() => this.#disconnected(qmp));
  }

  /**
   * Starts it to be sent here, by `start`, and listens for it. Leaves nothing behind when that does not work.
   * @throws UserError with QEMU's own last words, if it had any
   */
  async receive(start: () => Promise<void>, at: { host: string; port: number }): Promise<void> {
    try {
      await start();
      await this.connect();
      await listenForMachine(this.#connected(), at);
    } catch (cause) {
      await this.startFailed(messageOf(cause));
      const { state } = this;
      await this.end();
      const why = state.kind === 'failed' ? state.reason : messageOf(cause);
      throw new UserError(`the desktop cannot be received: ${why}`, { cause });
    }
  }

  /** See {@link sendMachine}. */
  async send(options: Omit<SendOptions, 'onProgress'>): Promise<MigrationResult> {
    const qmp = this.#connected();
    if (this.#state.kind !== 'running') throw new UserError(`a desktop that is "${this.#state.kind}" cannot be moved`);
    const sending = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, sending.signal]) : sending.signal;
    this.#sending = sending;
    this.#setState({ kind: 'migrating' });
    let sent: MigrationResult | undefined;
    try {
      sent = await sendMachine(qmp, { ...options, signal, onProgress: (p) => this.#options.onProgress?.(p) });
      return sent;
    } finally {
      this.#sending = undefined;
      // The desktop stands still until the answer is heard: QEMU is not asked again for what it has just told.
      if (sent && this.#qmp === qmp) this.#setState({ kind: 'sent' });
      else if (this.#qmp === qmp) await this.#look(qmp);
    }
  }

  /** No effect when nothing is being sent, or all is. */
  async cancelSending(): Promise<void> {
    if (this.#sending) this.#sending.abort(new UserError('moving the desktop was cancelled'));
    else if (this.#qmp) await cancelSending(this.#qmp);
  }

  /** Lets it run: one that has arrived, or one that was sent and is taken back. No effect when it runs. */
  async letRun(from: 'arrived' | 'sent'): Promise<void> {
    const qmp = this.#connected();
    // It stands still meanwhile: QEMU is not asked for what it has told already.
    if (this.#state.kind !== from) await this.#look(qmp);
    if (this.#state.kind === 'running') return;
    if (this.#state.kind !== from) throw new UserError(`a desktop that is "${this.#state.kind}" cannot go on here`);
    await resume(qmp);
    await this.#look(qmp);
  }

  /** Ends it without asking the guest, whatever it is doing. Idempotent. */
  async end(): Promise<void> {
    this.#seeking?.abort();
    this.#forget(); // before its end, so that this end is not taken for a failure
    await stopService(this.#options.places.unit);
    await clearFailure(this.#options.places.unit); // it may have needed SIGKILL
    this.#setState({ kind: 'none' });
  }

  /** Asks the guest to shut down. */
  async pressPowerButton(): Promise<void> {
    await pressPowerButton(this.#connected());
  }

  /** A guest that was paused because its disk was full goes on. */
  async resumeIfPaused(): Promise<void> {
    if (this.#qmp && (await queryStatus(this.#qmp)) === 'io-error') await resume(this.#qmp);
  }

  /** Stops watching; the machine goes on. */
  close(): void {
    this.#closing = true;
    this.#seeking?.abort();
    this.#qmp?.close();
  }

  #connected(): QmpConnection {
    if (!this.#qmp) throw new UserError('the desktop is not up here');
    return this.#qmp;
  }

  /** What QEMU says of itself becomes the state. */
  async #look(qmp: QmpConnection): Promise<void> {
    const [status, migration] = [await queryStatus(qmp), await queryMigration(qmp)];
    if (this.#qmp === qmp) this.#setState(stateOf(status, migration, this.#since));
  }

  /** Resolves with undefined when the unit is not up any more. */
  async #unitEnds(signal: AbortSignal): Promise<undefined> {
    while (!signal.aborted) {
      await sleep(500, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const { kind } = await this.unit();
      if (kind === 'none' || kind === 'failed') return;
    }
  }

  async #onEvent(event: QmpEvent): Promise<void> {
    const { log } = this.#options;
    const qmp = this.#qmp;
    if (event.name === 'BLOCK_IO_ERROR') log.error(event.data, 'its disk could not be written or read');
    if (event.name === 'RESET') log.info(event.data, 'it was reset');
    if (qmp && !this.#sending && ['MIGRATION', 'STOP', 'RESUME'].includes(event.name)) this.#lookAgain(qmp);
    await this.#options.onEvent?.(event);
  }

  /** QEMU tells that a migration is over before its own state follows, and does not tell that. */
  #lookAgain(qmp: QmpConnection): void {
    for (const ms of [0, 200, 1_000, 5_000]) {
      setTimeout(() => {
        if (this.#qmp === qmp && !this.#sending) this.#look(qmp).catch(() => {}); // its end is told by `closed`
      }, ms).unref();
    }
  }

  /** The connection to QEMU ended: QEMU is gone, or it is held up, or only the connection broke. */
  async #disconnected(qmp: QmpConnection): Promise<void> {
    if (this.#closing || this.#qmp !== qmp) return;
    this.#qmp = undefined;
    await this.#seek();
  }

  /**
   * Asks until it answers or is gone, or somebody else takes it in hand. One that runs without an answer counts as failed
   * after a while, and is asked on: its host may have stood still, or its storage.
   */
  async #seek(): Promise<void> {
    this.#seeking?.abort();
    const seeking = new AbortController();
    this.#seeking = seeking;
    const { signal } = seeking;
    const deadline = Date.now() + GONE_LIMIT;
    try {
      for (;;) {
        const { kind } = await this.unit();
        if (signal.aborted) return;
        if (kind !== 'active' && kind !== 'stopping') return await this.#gone();
        if (kind === 'active' && (await this.#answers(signal))) return;
        if (signal.aborted) return;
        const late = Date.now() > deadline;
        if (late && kind === 'active') this.#setState({ kind: 'failed', reason: SILENT });
        await sleep(late ? 1_000 : 100, undefined, { signal }).catch(() => {});
      }
    } catch (err) {
      if (signal.aborted) return;
      this.#options.log.error({ err }, 'finding out why it ended');
      this.#setState({ kind: 'failed', reason: messageOf(err) });
    }
  }

  async #answers(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#connect(SEEK_LIMIT, signal);
      return true;
    } catch {
      return false; // it is asked again
    }
  }

  /** The machine is off, for whatever reason: the reason becomes the state. */
  async #gone(): Promise<void> {
    const unit = await this.unit();
    this.#forget();
    if (unit.kind !== 'failed') return this.#setState({ kind: 'none' });
    const lines = await lastLines(unit.invocation, 20).catch(() => []);
    this.#setState({ kind: 'failed', reason: failureReason(unit, lines) });
  }

  #forget(): void {
    const qmp = this.#qmp;
    this.#qmp = undefined;
    qmp?.close();
  }

  #setState(state: MachineState): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    this.#options.log.info({ state }, 'virtual machine');
    this.#options.onState(state);
  }
}

/**
 * Pure: the state of a machine from what QEMU says. `status`: QAPI RunState. One that stands still after a migration
 * that was completed has arrived; nothing else ever pauses a desktop but a full disk (`io-error`), which counts as
 * running.
 */
export function stateOf(
  status: string,
  migration: { underWay: boolean; completed: boolean },
  since: string,
): MachineState {
  if (BROKEN.includes(status)) return { kind: 'failed', reason: `the virtual machine stopped (${status})` };
  switch (status) {
    case 'inmigrate':
      return { kind: 'incoming' };
    case 'postmigrate':
      return { kind: 'sent' };
    case 'finish-migrate':
      return { kind: 'migrating' };
    case 'paused':
    case 'prelaunch':
      return migration.completed ? { kind: 'arrived' } : { kind: 'incoming' };
    default:
      return migration.underWay ? { kind: 'migrating' } : { kind: 'running', since };
  }
}
