/**
 * What QEMU's translator does to machines in which KVM runs; docs/decisions.md has what was seen. It may lose the global
 * interrupt flag of a processor (SVM's GIF), which then sleeps for good: the lab gives the flag back and says so. And
 * kernels crash, or spin for minutes, in places where real ones do not. A test that expects its machines to go on can tell
 * nothing about our software after that: the lab ends at once and says why. To one about machines that fail it is a fault
 * more.
 */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#common/errors.ts';
import { setInterruptFlag } from './interrupt-flag.ts';
import type { Lab } from './lab.ts';
import type { Machine } from './machine.ts';

/** The line on standard output that tells it begins like this. */
export const EMULATOR_FAULT = '# EMULATOR FAULT';
/** `EX_TEMPFAIL` of sysexits.h: try again. */
export const EMULATOR_FAULT_EXIT = 75;

/**
 * For the shell of a machine whose KVM may run desktops: a virtual machine without a processor, in a unit with a CPU quota,
 * for as long as it is up. The kernel patches its scheduler when the first virtual machine is made and when the last one
 * has gone (`preempt_notifier_key`), and the same with control groups that have a quota (`__cfs_bandwidth_used`), as a
 * desktop's has. A patch in running code is what the translator stumbles over ("Oops: int3" in `__schedule` and in
 * `dequeue_entity`). So it is done once a boot.
 */
export const KEEP_KVM_IN_USE = `
  if grep -qwE 'svm|vmx' /proc/cpuinfo && command -v qemu-system-x86_64 && ! systemctl is-active lab-keeps-kvm; then
    systemd-run --unit=lab-keeps-kvm -p Restart=on-failure -p CPUQuota=100% sh -c 'until [ -e /sys/module/kvm_amd ] || [ -e /sys/module/kvm_intel ]
      do sleep 1; done; exec qemu-system-x86_64 -accel kvm -machine none -nodefaults -display none'
  fi`;

const LOOK_EVERY_MS = 2_000;
/** Looks in a row that have to find the same before the machine is held for a closer one. */
const LOOKS = 3;
/** Looks in a row after which it is a fault, whatever its cause. A processor that is well takes an interrupt at once. */
const FAULT_LOOKS = 30;
/** RFLAGS.IF: interrupts are allowed. */
const INTERRUPTS_ALLOWED = 0x200n;

/**
 * Pure: vectors of the interrupts that a processor sleeps through although it may take them; none where all is well.
 * @param registers what QEMU's monitor says to `info registers`
 * @param lapic and to `info lapic`
 */
export function sleptThrough(registers: string, lapic: string): number[] {
  const flags = /RFL=([0-9a-f]+)/.exec(registers)?.[1];
  const priority = /PPR 0x([0-9a-f]+)/.exec(lapic)?.[1];
  if (!registers.includes('HLT=1') || flags === undefined || priority === undefined) return [];
  if ((BigInt(`0x${flags}`) & INTERRUPTS_ALLOWED) === 0n) return [];
  const waiting = /^IRR\s+(.*)$/m.exec(lapic)?.[1] ?? '';
  // The upper four bits are the class, and only a higher one than the processor's own interrupts it.
  return [...waiting.matchAll(/\d+/g)].map(Number).filter((vector) => vector >> 4 > Number.parseInt(priority, 16) >> 4);
}

/** Seconds of a soft lockup that no load explains any more; a kernel tells of one after 20 to 60. */
const LOCKUP_SECONDS = 100;

/** Pure: the line of a serial log that says that the kernel has crashed, or does not get on; undefined where none does. */
export function crashIn(serial: string): string | undefined {
  const panic = /Kernel panic - not syncing.*/.exec(serial);
  if (panic) return panic[0].trim();
  for (const [line, seconds] of serial.matchAll(/BUG: soft lockup - CPU#\d+ stuck for (\d+)s!.*/g)) {
    if (Number(seconds) >= LOCKUP_SECONDS) return line.trim();
  }
  return undefined;
}

/** What was seen of a processor. */
interface Look {
  index: number;
  /** Of the interrupts that it sleeps through. */
  vectors: number[];
  /** What QEMU's monitor says to `info registers`, and to `info lapic`. */
  registers: string;
  lapic: string;
}

/**
 * Looks after the machines of a lab until `signal`. Of one that it cannot help it tells `onFault`, whose answer says whether
 * the machine has begun anew; if not, nothing is looked at any more.
 */
export async function watchForEmulatorFault(
  lab: Lab,
  signal: AbortSignal,
  onFault: (machine: Machine, sentence: string) => Promise<boolean>,
): Promise<void> {
  const seen: Memory = { looks: new Map(), failures: new Map() };
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
    for (const machine of lab.machines.filter(({ running }) => running)) {
      const fault = await faultOf(machine, seen);
      if (signal.aborted) return;
      if (fault && !(await onFault(machine, fault))) return;
    }
  }
}

/** What the looks before have found. */
interface Memory {
  /** In a row at which a processor slept through interrupts, by its name. */
  looks: Map<string, number>;
  /** In a row that QEMU did not answer. */
  failures: Map<Machine, number>;
}

/** Looks once, and helps where it can. @returns a sentence, if a machine is beyond help */
async function faultOf(machine: Machine, { looks, failures }: Memory): Promise<string | undefined> {
  const crash = crashIn(await machine.serialText());
  if (crash) return `the kernel of ${machine.name} says: ${crash}`;
  try {
    for (const seen of await look(machine)) {
      const fault = await consider(machine, seen, looks);
      if (fault) return fault;
    }
    failures.delete(machine);
  } catch (error) {
    // Of one that was switched off meanwhile nothing is expected.
    const inRow = machine.running ? (failures.get(machine) ?? 0) + 1 : 0;
    failures.set(machine, inRow);
    if (inRow >= LOOKS) return `the QEMU of ${machine.name} cannot be asked: ${messageOf(error)}`;
  }
  return undefined;
}

/** Mends what was seen of a processor, if it is the fault. @returns a sentence, if it is beyond help */
async function consider(machine: Machine, seen: Look, looks: Memory['looks']): Promise<string | undefined> {
  const name = `processor ${seen.index} of ${machine.name}`;
  const inRow = seen.vectors.length > 0 ? (looks.get(name) ?? 0) + 1 : 0;
  looks.set(name, inRow);
  if (inRow === 0 || inRow % LOOKS !== 0) return undefined;
  const mended = await giveFlagBack(machine, seen.index);
  if (!mended && inRow < FAULT_LOOKS) return undefined; // it may well be awake
  await keep(machine, [seen]);
  const sentence = `${name} sleeps through interrupts (${seen.vectors.join(', ')})`;
  if (!mended) return sentence;
  console.log(`# the emulator: ${sentence}: it has its interrupt flag again`);
  return undefined;
}

/** Keeps what the processors of a machine are at, as `NAME.processors.txt`. */
export async function keepProcessors(machine: Machine): Promise<void> {
  await keep(machine, await look(machine));
}

async function keep(machine: Machine, looks: readonly Look[]): Promise<void> {
  const texts = looks.map(({ registers, lapic }) => `${new Date().toISOString()}\n${registers}\n${lapic}\n`);
  await appendFile(join(machine.results, `${machine.name}.processors.txt`), texts.join(''));
}

/**
 * Gives a processor that sleeps without its interrupt flag the flag back. A kernel never idles without it: KVM takes it
 * away only around a desktop's instructions. A busy machine's processor often looks asleep for a moment and is well.
 * @returns whether that was what it lacked
 */
async function giveFlagBack(machine: Machine, index: number): Promise<boolean> {
  return machine.held(async () => {
    const registers = (await look(machine)).find((seen) => seen.index === index)?.registers ?? '';
    return registers.includes('HLT=1') && (await setInterruptFlag(machine.pid, registers, true)) === false;
  });
}

/**
 * Makes the fault happen, for the test of all this: takes the interrupt flag away from a processor that sleeps.
 * @returns whether one slept, and had the flag
 */
export function makeEmulatorFault(machine: Machine): Promise<boolean> {
  return machine.held(async () => {
    for (const { registers } of await look(machine)) {
      if (registers.includes('HLT=1') && (await setInterruptFlag(machine.pid, registers, false))) return true;
    }
    return false;
  });
}

async function look(machine: Machine): Promise<Look[]> {
  const { running } = (await machine.qmp('query-status')) as { running: boolean };
  const processors = (await machine.qmp('query-cpus-fast')) as { 'cpu-index': number }[];
  const found = [];
  for (const { 'cpu-index': index } of processors) {
    const ask = (command: string) =>
      machine.qmp('human-monitor-command', { 'command-line': command, 'cpu-index': index }) as Promise<string>;
    const [registers, lapic] = [await ask('info registers'), await ask('info lapic')];
    const vectors = running ? sleptThrough(registers, lapic) : []; // a machine that a test has stopped is well
    found.push({ index, vectors, registers, lapic });
  }
  return found;
}
