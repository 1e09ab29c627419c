/** Every word about a desktop's place: its copy on this PC, the choice of a disk, moving, leaving. */
import type { Desktop } from '#common/protocol/desktop.ts';
import type { DiskReason, GoingAway, Why } from '../../protocol.ts';

type Of<T> = (value: T) => string;
type ToldWhy = Exclude<Why, { kind: 'told' }>;

export interface CopyTexts {
  place: Record<'server' | 'here' | 'list', string> & { otherPc: Of<string>; unreachableSince: Of<string> };
  state: Record<
    | 'preparing'
    | 'toPc'
    | 'toServer'
    | 'inSync'
    | 'behindMore'
    | 'disconnectedMore'
    | 'detaching'
    | 'failed'
    | 'lessThanAMinute'
    | 'behindShort',
    string
  > &
    Record<'paused' | 'behind' | 'disconnected' | 'otherPc' | 'timeLeft', Of<string>>;
  actions: Record<'pause' | 'resume' | 'stop' | 'keep' | 'moveHere' | 'moveToServer' | 'cancelMove', string> & {
    /** The accessible name: which desktop is meant. */
    named: (action: string, desktop: string) => string;
    confirmStop: Of<string>;
    confirmStopText: string;
  };
  move: Record<NonNullable<Desktop['move']>['phase'], string> & Record<'toPc' | 'toServer' | 'whenSame', string>;
  /** Over a desktop in use. */
  tab: { serverLost: Of<string>; goOn: string };
  why: { [K in ToldWhy['kind']]: (why: Extract<ToldWhy, { kind: K }>) => string };
  disks: Record<
    | 'intro'
    | 'warning'
    | 'looking'
    | 'none'
    | 'noneMore'
    | 'list'
    | 'serial'
    | 'contents'
    | 'nothing'
    | 'unknown'
    | 'notPossible'
    | 'choose'
    | 'lookAgain'
    | 'workRemotely'
    | 'settingUp'
    | 'problem'
    | 'questionText'
    | 'typed'
    | 'noModel'
    | 'thisDisk'
    | 'systems',
    string
  > & {
    title: Of<string>;
    /** Of the radio button's disk, for screen readers. */
    partitions: Of<number>;
    question: Of<string>;
    /** Gets the last characters of the serial number. */
    typeThis: Of<string>;
    wrong: Of<string>;
    confirm: string;
    reasons: { [K in DiskReason['kind']]: (reason: Extract<DiskReason, { kind: K }>, size: Of<number>) => string };
  };
  leaving: {
    title: Record<GoingAway, string>;
    moving: Of<string>;
    syncing: Of<string>;
    left: Of<string>;
    finishing: Of<string>;
    shuttingDown: Of<string>;
    askingTitle: Of<string>;
    askingMore: string;
    stay: string;
    tryAgain: string;
    leaveAnyway: Record<GoingAway, string>;
  };
}
