import { USUAL_OVERHEAD_MIB } from '#common/hosting/unit.ts';
import type { HostAnswer } from '#common/protocol/host-link.ts';

type LocalHost = HostAnswer<'inspect'>['localHost'];

/** Why a host could not run a desktop, in words for people; undefined: it could. Pure. */
export function whyNot(
  host: LocalHost | undefined,
  memoryMiB: number,
  place: 'this PC' | 'the server',
): string | undefined {
  if (!host) return `${place} is not connected`;
  if (!host.kvm) return `${place} cannot run desktops: virtualisation is switched off, or missing`;
  if (host.missingCpuFeatures.length > 0) {
    return `the processor of ${place} is too old: it lacks ${host.missingCpuFeatures.join(', ')}`;
  }
  const needed = memoryMiB + USUAL_OVERHEAD_MIB;
  if (host.memoryFreeMiB < needed) {
    return `${place} has too little memory free: ${host.memoryFreeMiB} MiB, and the desktop needs ${needed} MiB`;
  }
  return undefined;
}
