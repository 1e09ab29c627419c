/** What the runtime knows (facts) and what the person at the PC wants. Plain data: the planner and the screen read it. */
import type { LoggedIn } from '#common/protocol/client-server.ts';
import type { Desktop, DiskIdentity } from '#common/protocol/desktop.ts';
import type { MachineState } from '#common/protocol/host-link.ts';
import type { ConfigProblem, DiskChoice, Language, LinkProblem, LoginProblem, Notice, Why } from './kiosk/protocol.ts';

/** Times are milliseconds since the epoch. */
export type NetworkFact =
  | { kind: 'unknown' }
  | { kind: 'noNetworkCard'; since: number }
  | { kind: 'noCable'; since: number }
  | { kind: 'noAddress'; since: number }
  | { kind: 'up'; addresses: string[] };

export type ServerFact =
  | { kind: 'notConfigured' }
  | { kind: 'unknown' }
  | { kind: 'answered' }
  | { kind: 'failed'; problem: LinkProblem; since: number; failures: number; nextTryAt: number };

export interface SessionFact {
  login: LoggedIn;
  tunnel: 'down' | 'up' | { failed: string; nextTryAt: number };
  /** The event stream; `live` from the first list of desktops on. */
  events: 'closed' | 'opening' | 'live';
  /** The last list the server told; undefined before the first one. */
  desktops: Desktop[] | undefined;
  /** Desktops (ids) whose known disk was attached, or tried, in this session: once is enough. */
  attachTried: string[];
}

/** Where a desktop runs, for its picture: on the server (or wherever the server says), or on this PC. */
export type Place = 'server' | 'here';

/** A picture over the page: on its way, there, or standing still because its connection ended. */
export interface OpenViewer {
  kind: 'opening' | 'shown' | 'lost';
  desktop: string;
  place: Place;
  /** A picture from before stays on the screen until the new one is there. */
  frozen: boolean;
  /** Connected, but the desktop's screen shows nothing yet: the page is seen instead. */
  dark: boolean;
  /** Of `lost`: since when. */
  since: number;
}

/** What the shell shows over the page. */
export type ViewerFact = { kind: 'closed' } | OpenViewer;

/** This PC as a host of desktops. */
export interface HereFact {
  /** Id of the desktop whose disk is attached here. */
  desktop: string | undefined;
  machine: MachineState['kind'];
  /** To the server, for its calls. */
  link: { connected: boolean; since: number };
}

export interface Facts {
  now: number;
  network: NetworkFact;
  server: ServerFact;
  session: SessionFact | undefined;
  viewer: ViewerFact;
  here: HereFact;
  /** The desktop whose picture we have just closed: the server goes on counting it as seen for a moment. */
  left: { desktop: string; at: number } | undefined;
  /** The shell is there and can open a viewer. */
  shell: boolean;
  /** systemd was told to switch off or restart. */
  goingDown: boolean;
}

/** The desktop that is to be on the screen. */
export interface WantedDesktop {
  id: string;
  name: string;
  /** When it was asked for, or lost. */
  since: number;
  /** `inUse`: its picture was there. If it is then found switched off, the person did that, and it stays off. */
  phase: 'opening' | 'inUse';
  /** We have asked the server to start it. */
  started: boolean;
  /** Attempts to show it that failed, since the last picture. */
  failures: number;
  lastFailure: string;
  /** Not before then. */
  retryAt: number;
}

/** The person looks at the disks of this PC, for a desktop. */
export interface WantedDisk {
  desktop: string;
  /** Undefined until they were read. */
  list: DiskChoice[] | undefined;
  /** The disk that was confirmed. */
  chosen: DiskIdentity | undefined;
  problem: string | undefined;
  /** The desktop was open when they asked: it is opened again afterwards. */
  reopen: boolean;
}

/** What is to be changed about a desktop's copy or place. Each is done once. */
export type CopyWish =
  | { do: 'pauseCopy' | 'resumeCopy' | 'stopCopy' | 'cancelMove'; id: string }
  | { do: 'move'; id: string; to: 'pc' | 'server' };

/** Leaving a PC that keeps a desktop: it goes back first. */
export interface WantedLeaving {
  /** When it was asked for, or when a desktop that was held here was back at the server. */
  since: number;
  /** The server was asked to take it back. */
  asked: boolean;
  /** Why it did not. */
  failed: Why | undefined;
  /** The person leaves nevertheless; the disk of this PC stays the newest copy. */
  anyway: boolean;
}

export interface Wanted {
  logIn: { user: string; password: string } | undefined;
  logOut: boolean;
  desktop: WantedDesktop | undefined;
  /** Desktops (ids) that are to be shut down. */
  shutDown: string[];
  power: 'on' | 'powerOff' | 'restart';
  disks: WantedDisk | undefined;
  copies: CopyWish[];
  leaving: WantedLeaving | undefined;
}

/** What else the kiosk page shows. */
export interface Display {
  pcName: string;
  version: string;
  server: string | undefined;
  /** What the server calls itself; known after its first answer. */
  serverName: string | undefined;
  language: Language;
  keyboard: string;
  configProblems: ConfigProblem[];
  loginProblem: LoginProblem | undefined;
  notice: Notice | undefined;
}

export const NOTHING_WANTED: Wanted = {
  logIn: undefined,
  logOut: false,
  desktop: undefined,
  shutDown: [],
  power: 'on',
  disks: undefined,
  copies: [],
  leaving: undefined,
};

export const NOTHING_HERE: HereFact = { desktop: undefined, machine: 'none', link: { connected: false, since: 0 } };
