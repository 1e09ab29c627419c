/**
 * QEMU's translator may lose the global interrupt flag of a processor (SVM's GIF) when KVM runs inside: the processor then
 * sleeps for good, and sooner or later the whole machine waits for it. docs/decisions.md has what was seen. No test can
 * tell anything about our software any more after that, so its lab ends at once and says why.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from './lab.ts';
import type { Machine } from './machine.ts';

/** The line on standard output that tells it begins like this. */
export const EMULATOR_FAULT = '# EMULATOR FAULT';
/** `EX_TEMPFAIL` of sysexits.h: try again. */
export const EMULATOR_FAULT_EXIT = 75;

const LOOK_EVERY_MS = 5_000;
/** Looks in a row that have to find the same. A processor that is well takes an interrupt within microseconds. */
const LOOKS = 3;
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

/** Looks after the machines of a lab until `signal`; calls `onFault` with a sentence. */
export async function watchForEmulatorFault(
  lab: Lab,
  signal: AbortSignal,
  onFault: (sentence: string) => void,
): Promise<void> {
  const looks = new Map<string, number>();
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
    for (const machine of lab.machines.filter(({ running }) => running)) {
      for (const { index, vectors, text } of await look(machine).catch(() => [])) {
        const name = `processor ${index} of ${machine.name}`;
        looks.set(name, vectors.length > 0 ? (looks.get(name) ?? 0) + 1 : 0);
        if (looks.get(name) !== LOOKS || signal.aborted) continue;
        await writeFile(join(lab.results, `${machine.name}.processor.txt`), text);
        onFault(`${name} sleeps through interrupts (${vectors.join(', ')}): QEMU has lost its interrupt flag`);
      }
    }
  }
}

async function look(machine: Machine): Promise<{ index: number; vectors: number[]; text: string }[]> {
  const { running } = (await machine.qmp('query-status')) as { running: boolean };
  const processors = (await machine.qmp('query-cpus-fast')) as { 'cpu-index': number }[];
  const found = [];
  for (const { 'cpu-index': index } of processors) {
    const ask = (command: string) =>
      machine.qmp('human-monitor-command', { 'command-line': command, 'cpu-index': index }) as Promise<string>;
    const [registers, lapic] = [await ask('info registers'), await ask('info lapic')];
    const vectors = running ? sleptThrough(registers, lapic) : []; // a machine that a test has stopped is well
    found.push({ index, vectors, text: `${registers}\n${lapic}` });
  }
  return found;
}
