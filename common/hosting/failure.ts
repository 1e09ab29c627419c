/** Why a desktop's process is gone, in words. Pure. */
import { constants } from 'node:os';
import type { UnitState } from '#common/systemd/transient.ts';

export function failureReason(unit: Extract<UnitState, { kind: 'failed' }>, lastLines: readonly string[]): string {
  const said = lastLines
    .map((line) => line.replace(/^(\/usr\/bin\/)?(qemu-system-x86_64|flexdeploy-desktop): /, ''))
    // SPICE's warnings tell why its port could not be used; other warnings come with every start.
    .filter((line) => !/^(warning: (?!Spice: ).*|Powering off)/.test(line) && !/reds_handle_ticket/.test(line))
    .slice(-3)
    .join('; ');
  const because = said === '' ? '' : `: ${said}`;
  switch (unit.result) {
    case 'oom-kill':
      return 'the desktop used more memory than it may and was stopped';
    case 'signal':
    case 'core-dump':
      return `the virtual machine crashed (${signalName(unit.status)})${because}`;
    case 'exit-code':
      return `the virtual machine could not run${because || ` (exit code ${unit.status})`}`;
    case 'timeout':
      return `the virtual machine did not stop in time and was ended${because}`;
    default:
      return `the virtual machine ended unexpectedly (${unit.result})${because}`;
  }
}

function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, n]) => n === number)?.[0] ?? `signal ${number}`;
}
