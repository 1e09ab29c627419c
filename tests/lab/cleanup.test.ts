/** However a run of the lab ends, no machine goes on running and no file stays. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { type LongProcess, startProcess } from '#common/process.ts';
import { ensureDebianPackages } from '../../builder/debian-packages.ts';
import { eventually } from './eventually.ts';
import { ensureImages, IMAGES } from './images.ts';
import { Lab } from './lab.ts';
import { receiveDefault } from './network.ts';

t.setTimeout(0);
await ensureDebianPackages();
await ensureImages(['client'], (line) => t.comment(line));

/** A process that holds a lab open, and the folder of that lab. */
async function hold(name: string, ...args: string[]): Promise<{ holder: LongProcess; folder: string }> {
  const logFile = join(t.testdir({}), `${name}.log`);
  const holder = await startProcess([process.execPath, 'tests/lab/hold.ts', name, ...args], { logFile });
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    const [, folder] = /^holding (\S+)$/m.exec(await readFile(logFile, 'utf8')) ?? [];
    if (folder) return { holder, folder };
    if (!holder.running || Date.now() > deadline) throw new Error(await readFile(logFile, 'utf8'));
  }
}

/** Whether a process has the folder's name in its command line. */
async function machinesRun(folder: string): Promise<boolean> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (words.startsWith('qemu-system') && words.includes(folder)) return true;
  }
  return false;
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

for (const [how, signal, code] of [
  ['Ctrl-C', 'SIGINT', 130],
  ['a polite kill', 'SIGTERM', 143],
] as const) {
  t.test(`${how} ends the machines and removes their files`, { timeout: 0 }, async (t) => {
    const { holder, folder } = await hold(`held-${signal}`);
    t.ok(await machinesRun(folder), 'a machine runs');
    holder.kill(signal);
    t.match(await holder.exited, { code });
    t.notOk(await machinesRun(folder), 'none runs any more');
    t.notOk(await isThere(folder), 'its files are gone');
  });
}

t.test('an error that nobody caught leaves no machine and no file', { timeout: 0 }, async (t) => {
  const before = receiveDefault();
  const { holder, folder } = await hold('held-crash', 'crash');
  t.match(await holder.exited, { code: 1 });
  await eventually('no machine runs', 5_000, async () => !(await machinesRun(folder)));
  t.notOk(await isThere(folder), 'its files are gone');
  t.equal(receiveDefault(), before, "the kernel's receive buffers are as before");
});

t.test('a run that is killed takes its machines with it; its files go with the next run', { timeout: 0 }, async (t) => {
  const before = receiveDefault();
  const { holder, folder } = await hold('held-kill');
  holder.kill('SIGKILL');
  await holder.exited;
  await eventually('no machine runs', 5_000, async () => !(await machinesRun(folder)));
  t.ok(await isThere(folder), 'nobody could remove its files');
  const lab = await Lab.open('after-kill', { kernel: IMAGES.clientKernel(false) });
  t.notOk(await isThere(folder), 'the next lab did');
  await lab.close();
  t.equal(receiveDefault(), before, "the kernel's receive buffers are as before");
});

t.test('a machine whose QEMU answers too late while it is held goes on', { timeout: 0 }, async (t) => {
  const lab = await Lab.open('held-late', { kernel: IMAGES.clientKernel(false) });
  t.teardown(() => lab.close());
  const machine = await lab.machine('pc', { memoryMiB: 64 });
  await machine.start();
  const late = machine.held(async () => {
    process.kill(machine.pid, 'SIGSTOP');
    try {
      return await machine.qmp('query-name');
    } finally {
      process.kill(machine.pid, 'SIGCONT');
    }
  });
  await t.rejects(late, /no answer to query-name/);
  t.match(await machine.qmp('query-status'), { running: true });
  await machine.powerCut();
  await t.rejects(machine.qmp('query-status'), /pc is off/);
  await machine.start();
  t.match(await machine.qmp('query-status'), { running: true }, 'asked while it was off, it starts all the same');
});
