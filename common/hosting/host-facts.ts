/** Whether a machine could run desktops: virtualisation, processor, memory. */
import { open, readFile } from 'node:fs/promises';
import { UserError } from '#common/errors.ts';
import type { HostAnswer } from '#common/protocol/host-link.ts';
import { CPU_FLAGS } from '#common/qemu/machine.ts';
import { USUAL_OVERHEAD_MIB } from './unit.ts';

export type HostFacts = HostAnswer<'inspect'>['localHost'];

/** MiB of memory that stay for the host itself. */
const RESERVED_MIB = 192;

export async function hostFacts(): Promise<HostFacts> {
  const [kvm, meminfo, cpuinfo] = await Promise.all([
    kvmWorks(),
    readFile('/proc/meminfo', 'utf8'),
    readFile('/proc/cpuinfo', 'utf8'),
  ]);
  return { kvm, memoryFreeMiB: availableMiB(meminfo), missingCpuFeatures: missingFlags(cpuinfo) };
}

/** Pure: why a desktop of this size cannot run on a host with these facts, in words for people; undefined: it can. */
export function hostProblem(facts: HostFacts, { memoryMiB }: { memoryMiB: number }, host: string): string | undefined {
  if (!facts.kvm) {
    return `${host} cannot run desktops: virtualisation is off (switch it on in the firmware settings)`;
  }
  if (facts.missingCpuFeatures.length > 0) {
    return `the processor of ${host} is too old: it lacks ${facts.missingCpuFeatures.join(', ')}`;
  }
  const needed = memoryMiB + USUAL_OVERHEAD_MIB + RESERVED_MIB;
  if (facts.memoryFreeMiB >= needed) return undefined;
  return `${host} has not enough memory left: the desktop needs ${needed} MiB and ${facts.memoryFreeMiB} MiB are free`;
}

/** @throws UserError for a desktop that cannot run here */
export async function requireHost(desktop: { memoryMiB: number }, host: string): Promise<void> {
  const problem = hostProblem(await hostFacts(), desktop, host);
  if (problem) throw new UserError(problem);
}

/** MiB that can be had without swapping, from /proc/meminfo. */
export function availableMiB(meminfo: string): number {
  return Math.floor(Number(meminfo.match(/^MemAvailable:\s+(\d+) kB$/m)?.[1] ?? 0) / 1024);
}

/** What our guests' processor needs and this machine's first processor does not have, from /proc/cpuinfo. */
export function missingFlags(cpuinfo: string): string[] {
  const flags = new Set(cpuinfo.match(/^flags\s*:\s*(.*)$/m)?.[1]?.split(' '));
  return CPU_FLAGS.filter((flag) => !flags.has(flag));
}

/** The device opens: it is there, and the firmware has not switched it off. */
async function kvmWorks(): Promise<boolean> {
  try {
    await using _device = await open('/dev/kvm', 'r+');
    return true;
  } catch {
    return false;
  }
}
