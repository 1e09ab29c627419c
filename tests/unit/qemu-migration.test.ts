import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { stateOf } from '#common/hosting/machine.ts';
import type { MigrationProgress } from '#common/protocol/host-link.ts';
import { queryStatus, resume } from '#common/qemu/commands.ts';
import { QmpConnection } from '#common/qemu/connection.ts';
import {
  cancelSending,
  listenForMachine,
  progressOf,
  queryMigration,
  type SendOptions,
  sendMachine,
} from '#common/qemu/migration.ts';
import { until } from './until.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';
const there = await once(spawn(QEMU, ['--version'], { stdio: 'ignore' }), 'exit').then(
  () => true,
  () => false,
);
const SINCE = '2026-11-22T14:00:00.000Z';

t.test('the state of a machine follows from what QEMU says', async (t) => {
  const [idle, underWay, completed] = [
    { underWay: false, completed: false },
    { underWay: true, completed: false },
    { underWay: false, completed: true },
  ];
  t.strictSame(stateOf('running', idle, SINCE), { kind: 'running', since: SINCE });
  t.strictSame(stateOf('running', completed, SINCE), { kind: 'running', since: SINCE });
  t.equal(stateOf('io-error', idle, SINCE).kind, 'running');
  t.equal(stateOf('running', underWay, SINCE).kind, 'migrating');
  t.equal(stateOf('finish-migrate', underWay, SINCE).kind, 'migrating');
  t.equal(stateOf('postmigrate', completed, SINCE).kind, 'sent');
  t.equal(stateOf('inmigrate', underWay, SINCE).kind, 'incoming');
  t.equal(stateOf('prelaunch', idle, SINCE).kind, 'incoming');
  t.equal(stateOf('paused', completed, SINCE).kind, 'arrived');
  t.equal(stateOf('internal-error', idle, SINCE).kind, 'failed');
});

t.test('progress in whole bytes, whatever phase QEMU names', async (t) => {
  t.strictSame(progressOf({}), { phase: 'setup', totalBytes: 0, remainingBytes: 0, transferredBytes: 0 });
  t.equal(progressOf({ status: 'device' }).phase, 'switchover');
  t.strictSame(progressOf({ status: 'active', ram: { total: 8, remaining: 4.4, transferred: 3 } }), {
    phase: 'active',
    totalBytes: 8,
    remainingBytes: 4,
    transferredBytes: 3,
  });
});

t.test('between two real QEMUs', { skip: !there && 'no QEMU on this machine' }, async (t) => {
  t.test('all is sent, one stands still, and the other runs when it is told to', async (t) => {
    const { source, target, port } = await pair(t);
    const seen: MigrationProgress[] = [];
    const result = await sendMachine(source.qmp, options(port, { onProgress: (p) => seen.push(p) }));
    t.ok(result.transferredBytes > 0);
    t.equal(seen.at(-1)?.phase, 'completed');
    t.equal(await queryStatus(source.qmp), 'postmigrate');
    await until(async () => (await queryStatus(target.qmp)) === 'paused', 'it has arrived', 10_000);
    t.strictSame(await queryMigration(target.qmp), { underWay: false, completed: true });
    await resume(target.qmp);
    t.equal(await queryStatus(target.qmp), 'running');
  });

  t.test('one that was sent can be taken back', async (t) => {
    const { source, port } = await pair(t);
    await sendMachine(source.qmp, options(port));
    await resume(source.qmp);
    t.equal(await queryStatus(source.qmp), 'running');
  });

  t.test('cancelled: it runs on, and can be sent again', async (t) => {
    const { source, target, port } = await pair(t);
    const { sent } = await sendSlowly(source, port);
    await cancelSending(source.qmp);
    await t.rejects(sent, /cancelled/);
    t.equal(await queryStatus(source.qmp), 'running');
    t.match(await target.ended, [1], 'the receiver gives up by itself');
  });

  t.test('a signal cancels it with its reason', async (t) => {
    const { source, port } = await pair(t);
    const abort = new AbortController();
    const { sent } = await sendSlowly(source, port, { signal: abort.signal });
    abort.abort(new Error('the person changed their mind'));
    await t.rejects(sent, /changed their mind/);
    t.equal(await queryStatus(source.qmp), 'running');
  });

  t.test('the receiver is killed: it runs on', async (t) => {
    const { source, target, port } = await pair(t);
    const { sent } = await sendSlowly(source, port);
    target.process.kill('SIGKILL');
    await t.rejects(sent, /moving the desktop failed/);
    t.equal(await queryStatus(source.qmp), 'running');
  });

  t.test('nobody listens: it runs on', async (t) => {
    const { source, target, port } = await pair(t);
    target.process.kill('SIGKILL');
    await target.ended;
    await t.rejects(sendMachine(source.qmp, options(port)), /moving the desktop failed/);
    t.equal(await queryStatus(source.qmp), 'running');
  });

  t.test('the sender is killed: whoever waits is told', async (t) => {
    const { source, target, port } = await pair(t);
    const { sent } = await sendSlowly(source, port);
    source.process.kill('SIGKILL');
    await t.rejects(sent, /connection to QEMU ended/);
    t.match(await target.ended, [1]);
  });
});

function options(port: number, more: Partial<SendOptions> = {}): SendOptions {
  return { host: '127.0.0.1', port, downtimeMs: 300, onProgress: () => {}, ...more };
}

/** Sends so slowly that it is under way for as long as a test takes; both ends are connected. */
async function sendSlowly(source: Running, port: number, more: Partial<SendOptions> = {}) {
  const phases: MigrationProgress['phase'][] = [];
  const onProgress = ({ phase }: MigrationProgress) => phases.push(phase);
  const sent = sendMachine(source.qmp, options(port, { bandwidthKiBps: 1, onProgress, ...more }));
  await until(() => phases.includes('active'), 'the memory is being sent', 10_000);
  return { sent }; // the promise alone would be waited for here
}

interface Running {
  process: ChildProcess;
  qmp: QmpConnection;
  ended: Promise<unknown[]>;
}

/** One that runs its BIOS, and one that waits for it. */
async function pair(t: Test): Promise<{ source: Running; target: Running; port: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-migration-'));
  const port = 21_000 + Math.floor(Math.random() * 9_000);
  const source = await start(t, folder, 'source', []);
  const target = await start(t, folder, 'target', ['-incoming', 'defer', '-S']);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await listenForMachine(target.qmp, { host: '127.0.0.1', port });
  return { source, target, port };
}

async function start(t: Test, folder: string, name: string, more: string[]): Promise<Running> {
  const socket = join(folder, `${name}.sock`);
  const what = ['-nodefaults', '-display', 'none', '-accel', 'tcg', '-m', '32', '-M', 'q35', ...more];
  const child = spawn(QEMU, [...what, '-qmp', `unix:${socket},server=on,wait=off`], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const qmp = await QmpConnection.connect(socket, { timeoutMs: 20_000 });
  t.teardown(async () => {
    qmp.close();
    child.kill('SIGKILL');
    await ended;
  });
  return { process: child, qmp, ended };
}
