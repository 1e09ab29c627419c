/**
 * What the person at the PC waits for. Our ISO and the plain Debian live system (plain-live.ts) boot on the same PC:
 * BIOS, 2 GiB, CD, the same server behind the same NAT. Both run our programs, which write milestones on the serial
 * line; ours and the plain one take turns.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deployment } from '../lab/deployment.ts';
import { ensureImages } from '../lab/images.ts';
import { backToList, logIn, waitForDesktop, waitForLogin } from '../lab/kiosk-walk.ts';
import type { Machine } from '../lab/machine.ts';
import type { Bench } from './bench.ts';
import { type Figure, median } from './figure.ts';
import { plainLiveIso } from './plain-live.ts';

/** Milliseconds for a PC, and for a desktop that starts while it is waited for. */
const BOOT_MS = 15 * 60_000;
/** Milliseconds for the picture of a desktop that has started. */
const FRAME_MS = 120_000;
const MEMORY_MIB = 2048;
const PERSON = { user: 'ana', password: 'flexdeploy', desktop: 'ana-desk' };

interface Boot {
  /** From power-on to the login screen, in seconds. */
  login: number;
  /** The same from the kernel's start: without firmware and boot loader. */
  kernelToLogin: number;
  /** Processor time that the whole virtual machine took until then, in seconds: hardly depends on who else computes. */
  work: number;
  /** Memory that programs cannot have, in MiB. */
  memoryMiB: number;
}

/** The same PC with either system on its CD; `toRam`: the plain one, which has its squashfs in memory like ours. */
type Pcs = Record<'ours' | 'plain', Machine> & { toRam?: Machine };
type Side = keyof Pcs;

export const kiosk: Bench = {
  figures: {
    boot: 'power-on to login screen',
    'boot-system': 'the part of it after firmware and boot loader',
    'boot-work': 'processor time from power-on to login screen',
    memory: 'memory in use at the login screen',
    'memory-toram': 'the same, beside a plain system that also lets its medium be pulled (toram)',
    'first-frame': 'from opening a running desktop to its first frame',
  },
  runs: 3,
  run: async ({ wanted, runs, say, report }) => {
    await ensureImages(['client', 'server', 'desktop'], say);
    const deployment = await Deployment.prepare('bench');
    try {
      say('starting a server');
      await deployment.startServer();
      await deployment.setUp();
      const pcs = await preparePcs(deployment, { withToRam: wanted.has('memory-toram') }, say);
      if (['boot', 'boot-system', 'boot-work', 'memory', 'memory-toram'].some((name) => wanted.has(name))) {
        await report(...(await measureBoots(pcs, runs, say)).filter((figure) => wanted.has(figure.name)));
      }
      if (wanted.has('first-frame')) await report(await measureFrames(deployment, pcs, runs, say));
    } finally {
      await deployment.close();
    }
  },
};

async function preparePcs(
  deployment: Deployment,
  { withToRam }: { withToRam: boolean },
  say: (line: string) => void,
): Promise<Pcs> {
  const config = { server: deployment.address, ca: deployment.ca, pcName: 'plain' };
  const plain = async (name: string, toRam: boolean) => {
    const cdrom = await plainLiveIso(join(deployment.lab.folder, name), { config, toRam }, say);
    return deployment.lab.machine(name, { memoryMiB: MEMORY_MIB, cdrom, memoryStatistics: true });
  };
  return {
    ours: await deployment.pc('ours', { boot: 'cd', memoryMiB: MEMORY_MIB, memoryStatistics: true }),
    plain: await plain('plain', false),
    ...(withToRam && { toRam: await plain('plain-toram', true) }),
  };
}

async function measureBoots(pcs: Pcs, runs: number, say: (line: string) => void): Promise<Figure[]> {
  const boots: Record<Side, Boot[]> = { ours: [], plain: [], toRam: [] };
  for (let run = 1; run <= runs; run++) {
    for (const [side, pc] of Object.entries(pcs) as [Side, Machine][]) {
      const boot = await measureBoot(pc);
      boots[side].push(boot);
      const seconds = `${boot.login.toFixed(1)} s (${boot.kernelToLogin.toFixed(1)} s of it the system, ${boot.work.toFixed(1)} s of work)`;
      say(`boot ${run} of ${runs}, ${side}: ${seconds}, ${boot.memoryMiB.toFixed(0)} MiB`);
    }
  }
  const of = (side: Side, key: keyof Boot) => median(boots[side].map((boot) => boot[key]));
  const both = (key: keyof Boot) => ({ ours: of('ours', key), peer: of('plain', key) });
  const half = (name: string, key: keyof Boot): Figure => {
    const { ours, peer } = both(key);
    return { name, ours, peer, unit: 's', aim: 'half or less', met: ours <= peer / 2 };
  };
  const memory = (name: string, beside: Side): Figure => {
    const [ours, peer] = [of('ours', 'memoryMiB'), of(beside, 'memoryMiB')];
    return { name, ours, peer, unit: 'MiB', aim: 'not more', met: ours <= peer };
  };
  return [
    half('boot', 'login'),
    half('boot-system', 'kernelToLogin'),
    half('boot-work', 'work'),
    memory('memory', 'plain'),
    ...(pcs.toRam ? [memory('memory-toram', 'toRam')] : []),
  ];
}

/** Boots a PC, measures, and takes its power away. */
async function measureBoot(pc: Machine): Promise<Boot> {
  const start = performance.now();
  await pc.start();
  const [, uptime] = await pc.waitForSerial(/flexdeploy: login-ready ([\d.]+)\s/, BOOT_MS);
  const login = (performance.now() - start) / 1000;
  const work = await processorSeconds(pc);
  await waitForLogin(pc); // it says so; a person sees it too
  const memoryMiB = await pc.memoryInUseMiB();
  await pc.powerCut();
  return { login, kernelToLogin: Number(uptime), work, memoryMiB };
}

/** Processor time that a running machine's QEMU has used, all threads, in seconds. */
async function processorSeconds(pc: Machine): Promise<number> {
  const [cpu] = (await pc.qmp('query-cpus-fast')) as { 'thread-id': number }[];
  // proc_pid_stat(5): fields 14 and 15, utime and stime of the whole process, in 1/100 s; the 2nd may hold spaces
  const stat = await readFile(`/proc/${cpu?.['thread-id']}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/**
 * The desktop runs already: what is measured is the way of the picture, not the guest's boot. It is opened once before, which
 * waits until it has started.
 */
async function measureFrames(
  deployment: Deployment,
  pcs: Pcs,
  runs: number,
  say: (line: string) => void,
): Promise<Figure> {
  say('starting a desktop');
  await deployment.importSampleDesktop();
  await deployment.addPerson(PERSON.user, PERSON.password, PERSON.desktop);
  await deployment.flexdeploy(['desktop', 'start', PERSON.desktop, '--wait'], { timeoutMs: 150_000 });
  const seconds = { ours: 0, plain: 0 };
  for (const side of ['ours', 'plain'] as const) {
    const pc = pcs[side];
    await pc.start();
    await waitForLogin(pc, BOOT_MS);
    await logIn(pc, PERSON);
    await openOnce(pc, BOOT_MS);
    const opened: number[] = [];
    for (let run = 1; run <= runs; run++) {
      opened.push(await openOnce(pc));
      say(`first frame ${run} of ${runs}, ${side}: ${opened.at(-1)?.toFixed(1)} s`);
    }
    seconds[side] = median(opened);
    await pc.powerCut();
  }
  const { ours, plain: peer } = seconds;
  return { name: 'first-frame', ours, peer, unit: 's', aim: 'half or less', met: ours <= peer / 2 };
}

/** Seconds from the Enter key, which opens the desktop in focus, to its first frame; then back to the list. */
async function openOnce(pc: Machine, withinMs = FRAME_MS): Promise<number> {
  const frames = async () => [...(await pc.serialText()).matchAll(/flexdeploy: first-frame/g)].length;
  const before = await frames();
  const opened = performance.now();
  await pc.display.press('enter'); // the desktop has the focus
  for (; (await frames()) === before; await sleep(50)) {
    if (performance.now() - opened > withinMs) throw await pc.failure('shows no frame of the desktop');
  }
  const seconds = (performance.now() - opened) / 1000;
  await waitForDesktop(pc);
  await backToList(pc);
  return seconds;
}
