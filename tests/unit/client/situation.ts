/** Situations of the runtime, for the tests of what it plans and shows. */
import type { LoggedIn } from '#common/protocol/client-server.ts';
import type { Desktop, DesktopState } from '#common/protocol/desktop.ts';
import {
  type Display,
  type Facts,
  NOTHING_HERE,
  NOTHING_WANTED,
  type OpenViewer,
  type SessionFact,
  type Wanted,
  type WantedDesktop,
} from '../../../client-runtime/facts.ts';

export const NOW = 1_000_000;
export const AT = '2026-11-22T10:00:00.000Z';
export const ID = '00000000000000aa';

export const login: LoggedIn = {
  token: 'token',
  session: '00000000000000bb',
  expiresAt: '2026-11-22T20:00:00.000Z',
  user: { name: 'maria', displayName: 'Maria', role: 'user', createdAt: AT },
  tunnel: {
    address: '10.86.0.2',
    serverAddress: '10.86.0.1',
    serverPublicKey: `${'A'.repeat(43)}=`,
    endpointPort: 51820,
    keepaliveSeconds: 25,
    mtu: 1420,
  },
};

export const RUNNING: DesktopState = { kind: 'running', since: AT, viewers: 0 };
export const STARTING: DesktopState = { kind: 'starting', since: AT, step: 'Making its disk ready' };
export const FAILED: DesktopState = { kind: 'failed', at: AT, reason: 'no memory left' };
export const STOPPING: DesktopState = { kind: 'stopping', since: AT };
export const OFF: DesktopState = { kind: 'off' };

export function desktop(state: DesktopState): Desktop {
  return {
    id: ID,
    name: 'blue',
    owner: 'maria',
    image: 'debian',
    firmware: 'uefi',
    memoryMiB: 1024,
    cpus: 2,
    diskBytes: 1,
    createdAt: AT,
    state,
  };
}

export const session = (state: DesktopState, more: Partial<SessionFact> = {}): SessionFact => ({
  login,
  tunnel: 'up',
  events: 'live',
  desktops: [desktop(state)],
  attachTried: [],
  ...more,
});

export const facts = (more: Partial<Facts> = {}): Facts => ({
  now: NOW,
  network: { kind: 'up', addresses: ['192.168.1.20'] },
  server: { kind: 'answered' },
  session: undefined,
  viewer: { kind: 'closed' },
  here: NOTHING_HERE,
  left: undefined,
  shell: true,
  goingDown: false,
  ...more,
});

export const wanted = (more: Partial<Wanted> = {}): Wanted => ({ ...structuredClone(NOTHING_WANTED), ...more });

export const viewer = (kind: OpenViewer['kind'], more: Partial<OpenViewer> = {}): OpenViewer => ({
  kind,
  desktop: ID,
  place: 'server',
  frozen: false,
  dark: false,
  since: NOW,
  ...more,
});

export const blue = (more: Partial<WantedDesktop> = {}): WantedDesktop => ({
  id: ID,
  name: 'blue',
  since: NOW,
  phase: 'opening',
  started: false,
  failures: 0,
  lastFailure: '',
  retryAt: 0,
  ...more,
});

export const failedServer = (nextTryAt: number): Facts['server'] => ({
  kind: 'failed',
  problem: { kind: 'unreachable', host: 'server', detail: 'nothing listens there' },
  since: NOW - 5_000,
  failures: 2,
  nextTryAt,
});

export const unknown = { kind: 'unknown' } as const;
export const display: Display = {
  pcName: 'lab-7',
  version: '0.1.0',
  server: 'server',
  serverName: undefined,
  language: 'en',
  keyboard: 'us',
  configProblems: [],
  loginProblem: undefined,
  notice: undefined,
};
