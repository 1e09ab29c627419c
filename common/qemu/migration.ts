/**
 * Live migration by QMP, both ends. Pre-copy only: with post-copy a desktop is lost if either end fails. A desktop that
 * writes faster than the link carries is slowed down (auto-converge) until it fits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { UserError } from '#common/errors.ts';
import type { MigrationProgress, MigrationResult } from '#common/protocol/host-link.ts';
import { queryStatus, resume } from './commands.ts';
import { QmpClosedError, type QmpConnection } from './connection.ts';
import { type Facts, nextStage, parametersOf, type Stage } from './switchover.ts';

const Ram = Type.Object({
  total: Type.Number(),
  remaining: Type.Number(),
  transferred: Type.Number(),
  'dirty-sync-count': Type.Optional(Type.Integer()),
});
const MigrationInfo = Type.Object({
  /** QAPI MigrationStatus; none before the first migration. */
  status: Type.Optional(Type.String()),
  ram: Type.Optional(Ram),
  downtime: Type.Optional(Type.Number()),
  'total-time': Type.Optional(Type.Number()),
  'cpu-throttle-percentage': Type.Optional(Type.Integer()),
  'error-desc': Type.Optional(Type.String()),
});
type MigrationInfo = Static<typeof MigrationInfo>;

/**
 * The same on both ends, as QEMU wants it. `return-path`: the receiver tells whether it could load everything, so that
 * "completed" at the sender means that it did. `late-block-activate`: the receiver takes the disk when it goes on, not
 * when the last byte has come.
 */
const CAPABILITIES = { events: true, 'auto-converge': true, 'return-path': true, 'late-block-activate': true } as const;

/** Bytes a second when nobody set a limit: more than any link; QEMU's own default would be 128 MiB/s. */
const NO_LIMIT = 16 * 1024 ** 3;

/**
 * Percent of processor time that is taken from a desktop that writes too fast, at first and by each further step.
 * QEMU's own (20, 10), written down since the downtime of a move depends on them.
 */
const THROTTLE = { 'cpu-throttle-initial': 20, 'cpu-throttle-increment': 10 } as const;

const FIRST_STAGE: Stage = { kind: 'bulk' };

/** Milliseconds between two looks at the progress: QEMU tells states by itself, numbers only when asked. */
const LOOK_EVERY = 500;

/** Milliseconds that a machine has to be running again after its migration failed. */
const RESUME_LIMIT = 20_000;

/** Statuses in which a migration is under way (QAPI MigrationStatus). */
const UNDER_WAY = ['setup', 'active', 'pre-switchover', 'device', 'wait-unplug', 'cancelling'];

export interface SendOptions {
  host: string;
  port: number;
  /** KiB a second; absent: no limit. */
  bandwidthKiBps?: number | undefined;
  /** How long the desktop may stand still in the end. */
  downtimeMs: number;
  onProgress(progress: MigrationProgress): void;
  signal?: AbortSignal | undefined;
}

/**
 * Sends the machine away. Resolves when everything is sent and this end stands still (`postmigrate`).
 * @throws UserError when that did not work, or was cancelled; the machine then runs on here. QmpClosedError: QEMU is gone.
 */
export async function sendMachine(qmp: QmpConnection, options: SendOptions): Promise<MigrationResult> {
  options.signal?.throwIfAborted();
  await setCapabilities(qmp);
  await qmp.execute('migrate-set-parameters', { ...parametersOf(FIRST_STAGE, limitsOf(options)), ...THROTTLE });
  options.signal?.throwIfAborted();
  await qmp.execute('migrate', { uri: uriOf(options) });
  const cancel = () => void cancelSending(qmp).catch(() => {});
  options.signal?.addEventListener('abort', cancel, { once: true });
  try {
    if (options.signal?.aborted) cancel();
    return await watch(qmp, options);
  } catch (error) {
    if (!(error instanceof QmpClosedError)) await waitUntilRunning(qmp);
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', cancel);
  }
}

/** Has the machine listen for its sender. For one started with {@link import('./machine.ts').Machine.incoming}. */
export async function listenForMachine(qmp: QmpConnection, at: { host: string; port: number }): Promise<void> {
  await setCapabilities(qmp);
  await qmp.execute('migrate-incoming', { uri: uriOf(at) });
}

/** No effect when nothing is being sent, or all is. */
export async function cancelSending(qmp: QmpConnection): Promise<void> {
  await qmp.execute('migrate_cancel');
}

/** Whether this machine is being sent, or received, and how that stands. */
export async function queryMigration(qmp: QmpConnection): Promise<{ underWay: boolean; completed: boolean }> {
  const { status = 'none' } = await query(qmp);
  return { underWay: UNDER_WAY.includes(status), completed: status === 'completed' };
}

async function setCapabilities(qmp: QmpConnection): Promise<void> {
  const capabilities = Object.entries(CAPABILITIES).map(([capability, state]) => ({ capability, state }));
  await qmp.execute('migrate-set-capabilities', { capabilities });
}

/** Follows a migration to its end, by events and by looking. */
async function watch(qmp: QmpConnection, options: SendOptions): Promise<MigrationResult> {
  const { onProgress, signal } = options;
  let wake = () => {};
  let throttlePercent = 0;
  let stage = FIRST_STAGE;
  const deaf = qmp.onEvent((event) => {
    // Held back, QEMU passes over what remains again and again.
    if (event.name === 'MIGRATION' || (event.name === 'MIGRATION_PASS' && stage.kind === 'bulk')) wake();
  });
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const info = await query(qmp);
      onProgress(progressOf(info));
      throttlePercent = Math.max(throttlePercent, info['cpu-throttle-percentage'] ?? 0);
      switch (info.status) {
        case 'completed':
          // The status comes first, and the machine's own state a moment later.
          await waitForStatus(qmp, ['postmigrate'], RESUME_LIMIT);
          return {
            downtimeMs: info.downtime ?? 0,
            totalMs: info['total-time'] ?? 0,
            transferredBytes: info.ram?.transferred ?? 0,
            throttlePercent,
          };
        case 'failed':
          throw new UserError(`moving the desktop failed: ${info['error-desc'] ?? 'the connection was lost'}`);
        case 'cancelled':
          throw signal?.reason instanceof Error ? signal.reason : new UserError('moving the desktop was cancelled');
      }
      const next = info.status === 'active' ? nextStage(stage, factsOf(info)) : stage;
      if (next !== stage) await qmp.execute('migrate-set-parameters', parametersOf(next, limitsOf(options)));
      stage = next;
      const wait = stage.kind === 'draining' ? Math.min(LOOK_EVERY, stage.until - performance.now()) : LOOK_EVERY;
      await Promise.race([sleep(wait), woken]);
    }
  } finally {
    deaf();
  }
}

function limitsOf({ bandwidthKiBps, downtimeMs }: SendOptions): { most: number; downtimeMs: number } {
  return { most: bandwidthKiBps === undefined ? NO_LIMIT : bandwidthKiBps * 1024, downtimeMs };
}

function factsOf(info: MigrationInfo): Facts {
  const { transferred = 0, remaining = 0, 'dirty-sync-count': passes = 0 } = info.ram ?? {};
  const sinceStart = info['total-time'] ?? 0;
  return { now: performance.now(), sinceStart, transferredBytes: transferred, remainingBytes: remaining, passes };
}

/** After a failure QEMU lets the machine go on by itself; where it has stopped too far for that, it is told to. */
async function waitUntilRunning(qmp: QmpConnection): Promise<void> {
  const status = await waitForStatus(qmp, ['running', 'io-error', 'postmigrate', 'paused'], RESUME_LIMIT);
  if (status === 'postmigrate' || status === 'paused') await resume(qmp);
}

async function waitForStatus(qmp: QmpConnection, wanted: readonly string[], withinMs: number): Promise<string> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const status = await queryStatus(qmp);
    if (wanted.includes(status)) return status;
    if (Date.now() > deadline) throw new UserError(`the virtual machine is still "${status}" after its move`);
    await sleep(50);
  }
}

async function query(qmp: QmpConnection): Promise<MigrationInfo> {
  const info = await qmp.execute('query-migrate');
  if (!Value.Check(MigrationInfo, info)) throw new UserError('QEMU said something unexpected about the migration');
  return info;
}

export function progressOf({ status, ram }: MigrationInfo): MigrationProgress {
  const whole = (n: number | undefined) => Math.max(0, Math.round(n ?? 0));
  return {
    phase: phaseOf(status),
    totalBytes: whole(ram?.total),
    remainingBytes: whole(ram?.remaining),
    transferredBytes: whole(ram?.transferred),
  };
}

function phaseOf(status: string | undefined): MigrationProgress['phase'] {
  switch (status) {
    case 'completed':
      return 'completed';
    case 'device':
    case 'pre-switchover':
      return 'switchover';
    case 'active':
    case 'cancelling':
      return 'active';
    default:
      return 'setup';
  }
}

function uriOf({ host, port }: { host: string; port: number }): string {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) throw new UserError(`not an address for a move: ${host}`);
  return `tcp:${host}:${port}`;
}
