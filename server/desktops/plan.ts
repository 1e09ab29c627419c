/** What to do next so that a desktop becomes as wanted. Pure: facts in, steps out (design.md 7). */
import type { UnitState } from '#common/systemd/transient.ts';
import type { DesktopRecord } from '../hosting.ts';

/** Everything that decides, as it is now; gathered anew after a crash or a failed step. */
export interface DesktopFacts {
  /** Its thin volume exists. */
  disk: boolean;
  /** Its thin volume is active: it has a device file. */
  diskActive: boolean;
  /** Its own copy of the UEFI variables exists. */
  uefiVars: boolean;
  /** Its DRBD resource: not in the kernel, or there and in this role. */
  replication: 'down' | 'secondary' | 'primary';
  unit: UnitState;
  /** We are connected to its QMP socket. */
  connected: boolean;
  /** Its machine is there, but stopped for good: its processors met an error, or its system panicked. */
  broken: boolean;
}

export type Wanted =
  | { kind: 'created'; desktop: DesktopRecord }
  | { kind: 'running'; desktop: DesktopRecord }
  /** Its disk is there for others (a PC, a machine that is to arrive); no machine is started. */
  | { kind: 'replicated'; desktop: DesktopRecord }
  | { kind: 'off' }
  | { kind: 'absent' };

export type Step =
  | { do: 'cloneDisk'; image: string }
  | { do: 'activateDisk' }
  | { do: 'openReplication' }
  | { do: 'promote' }
  | { do: 'makeUefiVars' }
  | { do: 'clearFailure' }
  | { do: 'startMachine'; desktop: DesktopRecord }
  | { do: 'connect' }
  | { do: 'cutPower' }
  | { do: 'closeReplication' }
  | { do: 'deleteFiles' }
  | { do: 'deleteDisk' };

/** All steps that are left, in order. None: it is as wanted. */
export function nextSteps(facts: DesktopFacts, wanted: Wanted): Step[] {
  switch (wanted.kind) {
    case 'created':
      return diskSteps(facts, wanted.desktop);
    case 'running':
      return runSteps(facts, wanted.desktop);
    case 'replicated':
      return replicationSteps(facts);
    case 'off':
      return offSteps(facts);
    case 'absent':
      return [
        ...offSteps(facts),
        ...clearSteps(facts),
        { do: 'closeReplication' },
        // The disk last: while it is there, the desktop can be found and deleting can be tried again.
        { do: 'deleteFiles' },
        ...(facts.disk ? [{ do: 'deleteDisk' } as const] : []),
      ];
    default:
      return wanted satisfies never;
  }
}

/** The step as a sentence for people: shown on the kiosk while a desktop starts, and in the log. */
export function sentenceOf(step: Step): string {
  switch (step.do) {
    case 'cloneDisk':
      return `Making the disk from the image ${step.image}`;
    case 'activateDisk':
      return 'Opening the disk';
    case 'openReplication':
      return 'Making the disk ready to be copied';
    case 'promote':
      return 'Taking the disk';
    case 'makeUefiVars':
      return 'Preparing the firmware settings';
    case 'clearFailure':
      return 'Clearing up after the last failure';
    case 'startMachine':
      return 'Switching the desktop on';
    case 'connect':
      return 'Waiting for the desktop to answer';
    case 'cutPower':
      return 'Switching the desktop off';
    case 'closeReplication':
      return 'Closing the disk';
    case 'deleteFiles':
      return 'Deleting its settings';
    case 'deleteDisk':
      return 'Deleting its disk';
    default:
      return step satisfies never;
  }
}

function diskSteps(facts: DesktopFacts, desktop: DesktopRecord): Step[] {
  const steps: Step[] = [];
  if (!facts.disk) steps.push({ do: 'cloneDisk', image: desktop.image });
  if (desktop.firmware === 'uefi' && !facts.uefiVars) steps.push({ do: 'makeUefiVars' });
  return steps;
}

function runSteps(facts: DesktopFacts, desktop: DesktopRecord): Step[] {
  if (isUp(facts.unit) && !facts.broken) return facts.connected ? [] : [{ do: 'connect' }];
  const steps = [...(facts.broken ? offSteps(facts) : []), ...clearSteps(facts)];
  if (desktop.firmware === 'uefi' && !facts.uefiVars) steps.push({ do: 'makeUefiVars' });
  steps.push(...replicationSteps(facts));
  if (facts.replication !== 'primary') steps.push({ do: 'promote' });
  return [...steps, { do: 'startMachine', desktop }, { do: 'connect' }];
}

/** A missing disk is not made anew here: the person's work was on it. Opening it then fails, and says so. */
function replicationSteps(facts: DesktopFacts): Step[] {
  if (facts.replication !== 'down') return [];
  return [...(facts.diskActive ? [] : [{ do: 'activateDisk' } as const]), { do: 'openReplication' }];
}

function offSteps(facts: DesktopFacts): Step[] {
  return isUp(facts.unit) || facts.unit.kind === 'stopping' ? [{ do: 'cutPower' }] : [];
}

function clearSteps(facts: DesktopFacts): Step[] {
  return facts.unit.kind === 'failed' ? [{ do: 'clearFailure' }] : [];
}

function isUp(unit: UnitState): boolean {
  return unit.kind === 'active' || unit.kind === 'starting';
}
