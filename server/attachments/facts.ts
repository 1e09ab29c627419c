/** Everything that decides what is done next with a desktop and the PC it is kept on. Plain data: the planner reads it. */
import type { DrbdStatus, HostAnswer, MachineState } from '#common/protocol/host-link.ts';

export type HolderFact =
  | { kind: 'server' }
  /** `complete`: it may go on without the server. */
  | { kind: 'pc'; complete: boolean };

export interface PairFacts {
  /** From the database; the only arbiter of who may run the desktop. */
  holder: HolderFact;
  generation: number;
  /** What is to be; undefined: the desktop is on the server alone. Also there while a PC holds it. */
  attachment: AttachmentFact | undefined;
  /** The PC that is attached, is to be, or holds the desktop; undefined: none, or it has no link. */
  pc: PcFact | undefined;
  /** Other PCs of the person that still have this desktop's disk attached, though it is not wanted there. */
  strangers: StrangerFact[];
  server: {
    machine: MachineState;
    drbd: DrbdStatus | undefined;
    /** Its end stands alone, and it is time to try again. */
    reconnect: boolean;
    /** Its copy was given up for the newer one of this PC, since the PC is back. */
    discarded: boolean;
  };
  /** Texts of the resource: what it should be, and what each end was last given (undefined: not known). */
  resource: { wanted: string; server: string | undefined; pc: string | undefined };
  /** Which PC the firewall should let in, and which it does (undefined: not known). */
  openFor: { wanted: string; now: string | undefined };
}

export interface AttachmentFact {
  wanted: 'attached' | 'detached';
  /** Its end of DRBD is from before the server went on without it: it has to begin anew. */
  renew: boolean;
  /** The disk has every block now, and that is not written down yet. */
  becameWhole: boolean;
  /**
   * What the PC has attached for this desktop is not what was chosen: another disk, or one that was given up before and
   * chosen again, or its answer to our call was lost.
   */
  notAsChosen: boolean;
  paused: boolean;
  /** Whether the server's end was told so; undefined: not known. */
  pausedNow: boolean | undefined;
  /** The disk is in this PC now, as far as the PC told at its log-in. */
  diskThere: boolean;
}

export interface PcFact {
  host: string;
  attached: HostAnswer<'inspect'>['attached'];
  /** Its end stands alone, and it is time to try again. */
  reconnect: boolean;
  /** What is attached there is this desktop. */
  mine: boolean;
}

export interface StrangerFact {
  host: string;
  machine: MachineState;
}
