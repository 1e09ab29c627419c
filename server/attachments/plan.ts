/**
 * What to do next so that a desktop's disk is where it should be, exactly one host may run the desktop, and both ends
 * of DRBD are told the same. Pure. Whatever was cut off in the middle (a move, a restart of any process, a lost link) is
 * put right here, from facts alone: there is no other recovery.
 *
 * The rules, in the order they apply:
 * 1. Only the holder runs the desktop. A machine anywhere else is ended; it was never let go, or its time is over.
 * 2. A machine of the holder that a move left standing is let go (`arrived`) or goes on (`sent`, `migrating`).
 * 3. A PC that should not have the disk gives it up; a PC that should gets it, or gets it back.
 * 4. Both ends have the same, wanted resource text, and are connected.
 */
import type { DrbdStatus, MachineState } from '#common/protocol/host-link.ts';
import type { PairFacts, PcFact } from './facts.ts';

export type End = 'server' | 'pc';

export type Step =
  | { do: 'endMachine'; at: End }
  | { do: 'letRun'; at: End }
  | { do: 'takeBack'; at: End }
  | { do: 'cancelMigration'; at: End }
  | { do: 'makeSecondary'; at: End }
  | { do: 'expelStranger'; host: string; machine: boolean }
  | { do: 'openFirewall' }
  | { do: 'configure'; at: End }
  | { do: 'discardServerCopy' }
  | { do: 'attach'; source: 'server' | 'pc' }
  | { do: 'detach'; save: boolean }
  | { do: 'pauseSync'; paused: boolean }
  | { do: 'markComplete' }
  | { do: 'rememberWhole' }
  | { do: 'serverGoesOn' };

/** All steps that are left, in order. None: it is as wanted, or cannot be until a PC is there. */
export function nextSteps(facts: PairFacts): Step[] {
  return [...strangerSteps(facts), ...machineSteps(facts), ...diskSteps(facts), ...resourceSteps(facts)];
}

/** The step as a sentence for people. */
export function sentenceOf(step: Step): string {
  switch (step.do) {
    case 'endMachine':
      return `Ending what is left of the desktop on the ${place(step.at)}`;
    case 'letRun':
      return `Letting the desktop run on the ${place(step.at)}`;
    case 'takeBack':
    case 'cancelMigration':
      return `Going on on the ${place(step.at)}`;
    case 'makeSecondary':
      return `Making the disk on the ${place(step.at)} the second one`;
    case 'expelStranger':
      return 'Detaching another PC';
    case 'openFirewall':
      return 'Opening the way between server and PC';
    case 'configure':
      return `Telling the ${place(step.at)} how to keep the disk`;
    case 'discardServerCopy':
      return 'Getting the server ready for the newer disk of the PC';
    case 'attach':
      return 'Preparing the disk of the PC';
    case 'detach':
      return 'Leaving the disk of the PC';
    case 'pauseSync':
      return step.paused ? 'Pausing' : 'Going on with the synchronisation';
    case 'markComplete':
      return 'Writing down that the PC has everything';
    case 'rememberWhole':
      return 'Writing down that the disk of the PC is whole';
    case 'serverGoesOn':
      return 'Going on with the copy of the server, which is whole';
    default:
      return step satisfies never;
  }
}

/** Whether a host has a machine of this desktop that runs, or could be made to. */
export function hasMachine({ kind }: MachineState): boolean {
  return kind !== 'none' && kind !== 'failed';
}

/** Both ends talk to each other. */
export function connected(drbd: DrbdStatus | undefined): boolean {
  return drbd?.connection === 'Connected';
}

function place(end: End): string {
  return end === 'pc' ? 'PC' : 'server';
}

function strangerSteps({ strangers }: PairFacts): Step[] {
  return strangers.map(({ host, machine }) => ({ do: 'expelStranger', host, machine: hasMachine(machine) }));
}

function machineSteps(facts: PairFacts): Step[] {
  const { holder, server, pc } = facts;
  return [
    // A stop before a start: nothing is let run on one side before the other side is off.
    ...(holder.kind === 'pc' ? notHolder('server', server.machine, server.drbd) : []),
    ...(holder.kind === 'server' && pc?.mine ? notHolder('pc', pc.attached?.machine, pc.attached?.drbd) : []),
    ...(holder.kind === 'server' ? isHolder('server', server.machine) : []),
    ...(holder.kind === 'pc' && pc?.mine ? isHolder('pc', pc.attached?.machine) : []),
  ];
}

function notHolder(at: End, machine: MachineState | undefined, drbd: DrbdStatus | undefined): Step[] {
  return [
    ...(machine && hasMachine(machine) ? [{ do: 'endMachine', at } as const] : []),
    ...(drbd?.role === 'Primary' ? [{ do: 'makeSecondary', at } as const] : []),
  ];
}

function isHolder(at: End, machine: MachineState | undefined): Step[] {
  switch (machine?.kind) {
    case 'arrived':
      return [{ do: 'letRun', at }];
    case 'sent':
      return [{ do: 'takeBack', at }];
    case 'migrating':
      return [{ do: 'cancelMigration', at }];
    case 'incoming': // the hand-over is only written down when everything has arrived: this one is from another life
      return [{ do: 'endMachine', at }];
    case 'none':
    case 'failed':
    case 'running':
    case undefined:
      return [];
    default:
      return machine satisfies never;
  }
}

function diskSteps(facts: PairFacts): Step[] {
  const { holder, attachment, pc } = facts;
  if (!attachment || !pc) return [];
  if (pc.attached && !pc.mine) return []; // it has another desktop's disk, which is detached first
  if (pc.attached) {
    const anew = attachment.renew || attachment.notAsChosen;
    const leaves = attachment.wanted === 'detached' || anew;
    if (leaves && holder.kind === 'server') return [{ do: 'detach', save: !anew && cleanlyLeft(pc) }];
    return [
      ...(completeNow(facts, pc) ? [{ do: 'markComplete' } as const] : []),
      ...(attachment.becameWhole ? [{ do: 'rememberWhole' } as const] : []),
    ];
  }
  if (holder.kind === 'pc') return returnSteps(facts, holder.complete);
  if (attachment.wanted === 'detached') return [];
  return [...serverReady(facts), { do: 'attach', source: 'server' }];
}

/** The PC that holds the desktop is there again, without it: it had no power for a while. */
function returnSteps(facts: PairFacts, complete: boolean): Step[] {
  if (!complete) return [{ do: 'serverGoesOn' }];
  if (!facts.attachment?.diskThere) return [];
  return [
    ...wayOpen(facts),
    ...(facts.server.discarded ? [] : [{ do: 'discardServerCopy' } as const]),
    { do: 'attach', source: 'pc' },
  ];
}

/** The PC's end is a whole picture of what DRBD knows only while nothing writes there. */
function cleanlyLeft({ attached }: PcFact): boolean {
  return attached?.drbd?.role === 'Secondary' && !hasMachine(attached.machine);
}

/** Both ends say that the holding PC has every block, and it is not written down yet. */
function completeNow({ holder, server }: PairFacts, { attached }: PcFact): boolean {
  if (holder.kind !== 'pc' || holder.complete) return false;
  return attached?.drbd?.disk === 'UpToDate' && connected(server.drbd) && server.drbd?.peerDisk === 'UpToDate';
}

function resourceSteps(facts: PairFacts): Step[] {
  const { attachment, pc, holder } = facts;
  const attachedHere = pc?.mine === true && (attachment?.wanted === 'attached' || holder.kind === 'pc');
  if (!attachedHere) return serverReady(facts);
  const { wanted } = facts.resource;
  return [
    ...serverReady(facts),
    ...(facts.resource.pc !== wanted || pc.reconnect ? [{ do: 'configure', at: 'pc' } as const] : []),
    ...pauseSteps(facts),
  ];
}

/** The server's end, and the way to it. */
function serverReady(facts: PairFacts): Step[] {
  const { resource, openFor, server } = facts;
  const alone = openFor.wanted === '';
  const right = resource.server === resource.wanted && (alone || !server.reconnect);
  return [...wayOpen(facts), ...(right ? [] : [{ do: 'configure', at: 'server' } as const])];
}

function wayOpen({ openFor }: PairFacts): Step[] {
  return openFor.now === openFor.wanted ? [] : [{ do: 'openFirewall' }];
}

function pauseSteps({ attachment, server }: PairFacts): Step[] {
  if (!attachment || !connected(server.drbd) || attachment.pausedNow === attachment.paused) return [];
  return [{ do: 'pauseSync', paused: attachment.paused }];
}
