import { mkdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { startProcess } from '#common/process.ts';
import { run } from '#common/run.ts';

/** What runs the guests' CPUs: the machine's own virtualisation, or QEMU's translator (about 10 times slower). */
export type Accelerator = 'kvm' | 'tcg';

/** Seconds in which KVM must bring a stock kernel to its end; where it works it takes 2. */
const PROBE_SECONDS = 20;

/**
 * QEMU arguments for an accelerator. Guests find virtualisation inside with both, so that a server in the lab runs its
 * desktops under KVM: with TCG through emulated SVM. What is off costs the translator more than it gains
 * (docs/decisions.md): AVX takes a vector instruction apart into many small ones; ERMS and FSRM make kernels copy by `rep
 * movsb`, a byte at a time; SMAP splits each copy to and from a program; LA57 adds a level to each page walk.
 */
export function acceleratorArguments(accelerator: Accelerator): string[] {
  return accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi', '-cpu', 'max,svm=on,avx=off,avx2=off,erms=off,fsrm=off,smap=off,la57=off'];
}

/**
 * The accelerator that works here. A /dev/kvm that opens proves nothing: on some machines it aborts or spins in early
 * boot, so a stock kernel has to come all the way to looking for its root file system. The verdict is remembered until
 * the machine or QEMU changes. FLEXDEPLOY_ACCELERATOR=kvm|tcg overrules it.
 * @param kernel a Linux bzImage
 */
export async function findAccelerator(kernel: string): Promise<Accelerator> {
  const forced = process.env.FLEXDEPLOY_ACCELERATOR;
  if (forced === 'kvm' || forced === 'tcg') return forced;
  if (forced) throw new UserError(`FLEXDEPLOY_ACCELERATOR is ${forced}: it can be kvm or tcg.`);
  const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'flexdeploy');
  const cacheFile = join(cacheFolder, 'accelerator.json');
  const key = await probeKey();
  const cached = await readFile(cacheFile, 'utf8')
    .then((text) => JSON.parse(text) as { key?: unknown; accelerator?: unknown })
    .catch(() => undefined);
  if (cached?.key === key && (cached.accelerator === 'kvm' || cached.accelerator === 'tcg')) return cached.accelerator;
  const accelerator = (await kvmBoots(kernel, cacheFolder)) ? 'kvm' : 'tcg';
  await writeFileDurably(cacheFile, JSON.stringify({ key, accelerator }));
  return accelerator;
}

/** The verdict holds for this boot of this machine with this QEMU. */
async function probeKey(): Promise<string> {
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `${bootId.trim()} ${await qemuVersion()}`;
}

/** As QEMU says it: `QEMU emulator version 7.2.22 (Debian …)`. */
async function qemuVersion(): Promise<string> {
  const { stdout } = await run(['qemu-system-x86_64', '--version']);
  return stdout.split('\n')[0] ?? '';
}

/**
 * Programs that root runs in an emulated server before its first desktop starts. Under nested paging servers end with
 * "corrupted stack end" now and then; under QEMU 10 desktops do not start without it (docs/decisions.md). udev loads the
 * module at about the same time, so it is waited for; while a desktop runs the module stays as it is.
 */
export async function beforeDesktops(): Promise<readonly string[]> {
  if ((await qemuMajor()) >= 8) return [];
  return ['/usr/bin/udevadm settle --timeout=60', '/usr/sbin/modprobe -r kvm_amd', '/usr/sbin/modprobe kvm_amd npt=0'];
}

/** The first number of the version of the QEMU that runs here. */
async function qemuMajor(): Promise<number> {
  return Number(/version (\d+)/.exec(await qemuVersion())?.[1]);
}

async function kvmBoots(kernel: string, folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  const log = join(folder, `probe-${process.pid}.log`);
  const machine = ['-M', 'q35', '-m', '512', '-display', 'none', '-nodefaults', '-no-reboot', '-serial', 'stdio'];
  const boot = ['-kernel', kernel, '-append', 'console=ttyS0 panic=-1'];
  try {
    const qemu = await startProcess(['qemu-system-x86_64', ...acceleratorArguments('kvm'), ...machine, ...boot], {
      logFile: log,
    });
    const limit = setTimeout(() => qemu.kill('SIGKILL'), PROBE_SECONDS * 1000);
    await qemu.exited;
    clearTimeout(limit);
    // No root file system was given: a kernel that boots ends with this panic, and panic=-1 -no-reboot ends QEMU.
    return (await readFile(log, 'utf8')).includes('Unable to mount root fs');
  } finally {
    await rm(log, { force: true });
  }
}
