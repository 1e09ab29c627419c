/**
 * Programs that run in a systemd unit of their own, made on the spot by `systemd-run`: with limits and a sandbox, in
 * the journal, and going on when the process that started them ends. Needs root.
 */
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';

export interface TransientService {
  /** `flexdeploy-desktop-ID.service`. */
  unit: string;
  description: string;
  slice: string;
  /** Settings of systemd.exec(5), systemd.resource-control(5) and systemd.service(5); a list sets it several times. */
  properties: Record<string, string | readonly string[]>;
  argv: readonly [string, ...string[]];
}

export type UnitState =
  | { kind: 'none' }
  | { kind: 'starting' }
  | { kind: 'active' }
  | { kind: 'stopping' }
  | {
      kind: 'failed';
      /** `exit-code`, `signal`, `oom-kill`, `timeout`, … (systemd.exec(5), $SERVICE_RESULT). */
      result: string;
      /** Exit code or signal number. */
      status: number;
      invocation: string;
    };

/** `systemd-run` with everything that describes the service. */
export function startCommand(service: TransientService): [string, ...string[]] {
  const properties = Object.entries(service.properties).flatMap(([key, values]) =>
    (typeof values === 'string' ? [values] : values).map((v) => `--property=${key}=${v}`),
  );
  return [
    'systemd-run',
    '--quiet',
    '--no-ask-password',
    // --expand-environment=no: a `$` in an argument is a dollar.
    '--expand-environment=no',
    `--unit=${checkUnit(service.unit)}`,
    `--slice=${checkUnit(service.slice)}`,
    `--description=${service.description}`,
    ...properties,
    '--',
    ...service.argv,
  ];
}

/** Starts it. With `Type=exec` among the properties this fails if the program cannot be executed. */
export async function startService(service: TransientService): Promise<void> {
  await run(startCommand(service), { timeoutMs: 30_000 });
}

/** What systemd knows of a unit. A unit that ended well is gone, and `none`. */
export async function unitState(unit: string): Promise<UnitState> {
  const names = 'LoadState,ActiveState,Result,ExecMainStatus,InvocationID';
  const { stdout } = await run(['systemctl', 'show', `--property=${names}`, checkUnit(unit)], { timeoutMs: 10_000 });
  return parseUnitState(stdout);
}

export function parseUnitState(show: string): UnitState {
  const values = Object.fromEntries(show.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
  switch (values.ActiveState) {
    case 'active':
      return { kind: 'active' };
    case 'activating':
    case 'reloading':
      return { kind: 'starting' };
    case 'deactivating':
      return { kind: 'stopping' };
    case 'failed':
      return {
        kind: 'failed',
        result: values.Result ?? 'unknown',
        status: Number(values.ExecMainStatus ?? 0),
        invocation: values.InvocationID ?? '',
      };
    default:
      return { kind: 'none' };
  }
}

/** When a unit that is active became so. Undefined when it is not. */
export async function activeSince(unit: string): Promise<Date | undefined> {
  const { stdout } = await run(
    ['systemctl', 'show', '--timestamp=unix', '--property=ActiveEnterTimestamp', checkUnit(unit)],
    { timeoutMs: 10_000 },
  );
  return parseTimestamp(stdout);
}

export function parseTimestamp(show: string): Date | undefined {
  const [, seconds] = /^\w+=@(\d+)$/m.exec(show) ?? [];
  return seconds === undefined ? undefined : new Date(Number(seconds) * 1000);
}

/** The last lines that a unit's program wrote in this invocation. */
export async function lastLines(invocation: string, lines: number): Promise<string[]> {
  if (!/^[0-9a-f]{32}$/.test(invocation)) return [];
  const { stdout } = await run(
    ['journalctl', '--no-pager', '--quiet', '--output=cat', `--lines=${lines}`, `_SYSTEMD_INVOCATION_ID=${invocation}`],
    { timeoutMs: 10_000 },
  );
  return stdout.split('\n').filter((line) => line.trim() !== '');
}

/** Forgets that a unit failed, so that its name is free again. */
export async function clearFailure(unit: string): Promise<void> {
  await run(['systemctl', 'reset-failed', checkUnit(unit)], { okExitCodes: [0, 1], timeoutMs: 10_000 });
}

/** Ends a unit, by SIGTERM and in the end SIGKILL (`TimeoutStopSec=`), and waits for it. */
export async function stopService(unit: string): Promise<void> {
  await run(['systemctl', 'stop', checkUnit(unit)], { okExitCodes: [0, 5], timeoutMs: 90_000 });
}

/** Names of the loaded units that match, whatever their state. */
export async function listUnits(pattern: string): Promise<string[]> {
  const { stdout } = await run(
    ['systemctl', 'list-units', '--all', '--plain', '--no-legend', '--full', '--no-pager', pattern],
    { timeoutMs: 10_000 },
  );
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[0] ?? '')
    .filter((name) => name !== '');
}

function checkUnit(unit: string): string {
  if (!/^[a-z][a-z0-9-]{0,200}\.(service|slice)$/.test(unit)) throw new UserError(`not a unit name: ${unit}`);
  return unit;
}
