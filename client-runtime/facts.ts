/** What the runtime knows (facts) and what the person at the PC wants. Plain data: the planner and the screen read it. */
import type { Desktop, LoggedIn } from '#common/protocol/client-server.ts';
import type { ConfigProblem, Language, LinkProblem, LoginProblem, Notice } from './kiosk/protocol.ts';

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
}

/** What the shell shows over the page. */
export type ViewerFact = { kind: 'closed' } | { kind: 'opening' | 'shown'; desktop: string };

export interface Facts {
  now: number;
  network: NetworkFact;
  server: ServerFact;
  session: SessionFact | undefined;
  viewer: ViewerFact;
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

export interface Wanted {
  logIn: { user: string; password: string } | undefined;
  logOut: boolean;
  desktop: WantedDesktop | undefined;
  /** Desktops (ids) that are to be shut down. */
  shutDown: string[];
  power: 'on' | 'powerOff' | 'restart';
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
};
