import t from 'tap';
import type { DesktopState } from '#common/protocol/desktop.ts';
import type { Facts, Wanted, WantedDesktop } from '../../client-runtime/facts.ts';
import { backOffMs, nextDeadline, nextSteps, type Step } from '../../client-runtime/plan.ts';
import { kioskState } from '../../client-runtime/screen.ts';
import { sentence } from '../../client-runtime/sentences.ts';
import {
  blue,
  display,
  FAILED,
  facts,
  failedServer,
  ID,
  NOW,
  OFF,
  RUNNING,
  STARTING,
  STOPPING,
  session,
  unknown,
  viewer,
  wanted,
} from './client/situation.ts';

/** Situation; what the person wants; the steps that follow; the screen. */
type Case = [name: string, facts: Facts, wanted: Wanted, steps: Step['do'][], screen: string];

const logIn = { user: 'maria', password: 'secret' };
const CASES: Case[] = [
  ['just started', facts({ network: unknown, server: unknown }), wanted(), [], 'starting'],
  [
    'cable just missing: the card may still be coming up',
    facts({ network: { kind: 'noCable', since: NOW - 1000 }, server: unknown }),
    wanted(),
    [],
    'starting',
  ],
  [
    'no cable',
    facts({ network: { kind: 'noCable', since: NOW - 60_000 }, server: unknown }),
    wanted(),
    [],
    'noServer noCable',
  ],
  ['no address', facts({ network: { kind: 'noAddress', since: 0 } }), wanted(), [], 'noServer noAddress'],
  ['no card', facts({ network: { kind: 'noNetworkCard', since: 0 } }), wanted(), [], 'noServer noNetworkCard'],
  [
    'nothing configured, whatever the network does',
    facts({ server: { kind: 'notConfigured' }, network: { kind: 'noCable', since: 0 } }),
    wanted(),
    [],
    'noServer noServerConfigured',
  ],
  ['network up', facts({ server: unknown }), wanted(), ['contactServer'], 'starting'],
  ['waiting for the next try', facts({ server: failedServer(NOW + 1) }), wanted(), [], 'noServer unreachable'],
  ['time for the next try', facts({ server: failedServer(NOW) }), wanted(), ['contactServer'], 'noServer unreachable'],
  ['the server answered', facts(), wanted(), [], 'login'],
  ['log-in asked for', facts(), wanted({ logIn }), ['logIn'], 'login'],
  [
    'log-in asked for, server gone meanwhile',
    facts({ server: failedServer(NOW + 1) }),
    wanted({ logIn }),
    [],
    'noServer unreachable',
  ],
  [
    'logged in',
    facts({ session: session(OFF, { events: 'closed', desktops: undefined, tunnel: 'down' }) }),
    wanted(),
    ['listen', 'bringTunnelUp'],
    'login',
  ],
  ['at the list', facts({ session: session(OFF) }), wanted(), [], 'desktops'],
  [
    'the tunnel failed a moment ago',
    facts({ session: session(OFF, { tunnel: { failed: 'x', nextTryAt: NOW + 1 } }) }),
    wanted(),
    [],
    'desktops',
  ],
  [
    'the tunnel may be tried again',
    facts({ session: session(OFF, { tunnel: { failed: 'x', nextTryAt: NOW } }) }),
    wanted(),
    ['bringTunnelUp'],
    'desktops',
  ],
  [
    'opening one that is off',
    facts({ session: session(OFF) }),
    wanted({ desktop: blue() }),
    ['startDesktop'],
    'opening',
  ],
  [
    'opening one that failed long ago',
    facts({ session: session(FAILED) }),
    wanted({ desktop: blue() }),
    ['startDesktop'],
    'opening',
  ],
  [
    'it is starting',
    facts({ session: session(STARTING) }),
    wanted({ desktop: blue({ started: true }) }),
    ['waitForDesktop'],
    'opening',
  ],
  [
    'it failed to start',
    facts({ session: session(FAILED) }),
    wanted({ desktop: blue({ started: true }) }),
    ['leaveDesktop'],
    'opening',
  ],
  [
    'somebody switched it off while it started',
    facts({ session: session(OFF) }),
    wanted({ desktop: blue({ started: true }) }),
    ['leaveDesktop'],
    'opening',
  ],
  [
    'it is stopping: wait, then start it',
    facts({ session: session(STOPPING) }),
    wanted({ desktop: blue() }),
    ['waitForDesktop'],
    'opening',
  ],
  ['it runs', facts({ session: session(RUNNING) }), wanted({ desktop: blue() }), ['openViewer'], 'opening'],
  [
    'it runs, no tunnel yet',
    facts({ session: session(RUNNING, { tunnel: 'down' }) }),
    wanted({ desktop: blue() }),
    ['bringTunnelUp', 'waitForDesktop'],
    'opening',
  ],
  [
    'it runs, the shell is not there yet',
    facts({ session: session(RUNNING), shell: false }),
    wanted({ desktop: blue() }),
    ['waitForDesktop'],
    'opening',
  ],
  [
    'it runs, the last attempt failed just now',
    facts({ session: session(RUNNING) }),
    wanted({ desktop: blue({ failures: 1, retryAt: NOW + 1 }) }),
    ['waitForDesktop'],
    'opening',
  ],
  [
    'it runs, too many attempts failed',
    facts({ session: session(RUNNING) }),
    wanted({ desktop: blue({ failures: 5, lastFailure: 'wrong ticket' }) }),
    ['leaveDesktop'],
    'opening',
  ],
  [
    'the viewer is connecting',
    facts({ session: session(RUNNING), viewer: viewer('opening') }),
    wanted({ desktop: blue() }),
    [],
    'opening',
  ],
  [
    'opening was called off',
    facts({ session: session(RUNNING), viewer: viewer('opening') }),
    wanted(),
    ['closeViewer'],
    'desktops',
  ],
  [
    'in use',
    facts({ session: session(RUNNING), viewer: viewer('shown') }),
    wanted({ desktop: blue({ phase: 'inUse' }) }),
    [],
    'inUse',
  ],
  [
    'in use, and the server’s list says off: the picture knows better',
    facts({ session: session(OFF), viewer: viewer('shown') }),
    wanted({ desktop: blue({ phase: 'inUse' }) }),
    [],
    'inUse',
  ],
  [
    'in use, and the server process is gone: the picture stays',
    facts({
      session: session(RUNNING, { events: 'closed' }),
      server: failedServer(NOW),
      viewer: viewer('shown'),
    }),
    wanted({ desktop: blue({ phase: 'inUse' }) }),
    ['listen'],
    'inUse',
  ],
  [
    'the person shut it down',
    facts({ session: session(OFF) }),
    wanted({ desktop: blue({ phase: 'inUse', started: true }) }),
    ['leaveDesktop'],
    'opening',
  ],
  [
    'it crashed',
    facts({ session: session(FAILED) }),
    wanted({ desktop: blue({ phase: 'inUse', started: true }) }),
    ['leaveDesktop'],
    'opening',
  ],
  [
    'the picture broke, the desktop runs',
    facts({ session: session(RUNNING) }),
    wanted({ desktop: blue({ phase: 'inUse', failures: 1, retryAt: NOW }) }),
    ['openViewer'],
    'opening',
  ],
  [
    'server and picture gone, with a desktop',
    facts({ session: session(RUNNING, { events: 'closed' }), server: failedServer(NOW + 1) }),
    wanted({ desktop: blue() }),
    [],
    'serverLost unreachable blue',
  ],
  [
    'server gone because the cable is out',
    facts({
      session: session(RUNNING, { events: 'closed' }),
      server: failedServer(NOW),
      network: { kind: 'noCable', since: 0 },
    }),
    wanted(),
    [],
    'serverLost noCable',
  ],
  [
    'its desktop was deleted',
    facts({ session: session(RUNNING, { desktops: [] }) }),
    wanted({ desktop: blue() }),
    ['leaveDesktop'],
    'opening',
  ],
  [
    'logging out of a desktop',
    facts({ session: session(RUNNING), viewer: viewer('shown') }),
    wanted({ logOut: true, desktop: blue() }),
    ['closeViewer', 'logOut'],
    'login',
  ],
  ['the session ended under a desktop', facts({ viewer: viewer('shown') }), wanted(), ['closeViewer'], 'login'],
  [
    'shutting one down',
    facts({ session: session(RUNNING) }),
    wanted({ shutDown: [ID] }),
    ['shutDownDesktop'],
    'desktops',
  ],
  ['power off', facts(), wanted({ power: 'powerOff' }), ['powerOff'], 'goingDown'],
  ['on the way down', facts({ goingDown: true }), wanted({ power: 'powerOff' }), [], 'goingDown'],
  ['restart while logged in', facts({ session: session(OFF) }), wanted({ power: 'restart' }), ['logOut'], 'goingDown'],
];

t.test('what is done and shown in every situation', async (t) => {
  for (const [name, known, wants, steps, expected] of CASES) {
    t.same(
      nextSteps(known, wants).map((s) => s.do),
      steps,
      name,
    );
    const { screen } = kioskState(known, wants, display, ['us']);
    const problem = 'problem' in screen && typeof screen.problem === 'object' ? screen.problem.kind : '';
    const words: string[] = [screen.kind, problem];
    if (screen.kind === 'serverLost') words.push(screen.desktop ?? '');
    t.equal(words.join(' ').trim(), expected, `${name}: the screen`);
  }
});

t.test('why a desktop is left', async (t) => {
  const notice = (state: DesktopState, more: Partial<WantedDesktop>) => {
    const [step] = nextSteps(facts({ session: session(state) }), wanted({ desktop: blue(more) }));
    return step?.do === 'leaveDesktop' ? step.notice : step;
  };
  t.same(notice(OFF, { phase: 'inUse' }), { kind: 'desktopShutDown', desktop: 'blue' });
  t.same(notice(FAILED, { phase: 'inUse' }), { kind: 'desktopFailed', desktop: 'blue', reason: 'no memory left' });
  t.match(notice(FAILED, { started: true }), { kind: 'couldNotOpen', reason: 'no memory left' });
  t.match(notice(RUNNING, { failures: 5, lastFailure: 'cut' }), { kind: 'couldNotOpen', reason: 'cut' });
});

t.test('the wait between attempts grows to ten seconds', async (t) => {
  t.same(
    [1, 2, 3, 4, 5, 6, 100].map((n) => backOffMs(n) / 1000),
    [1, 2, 3, 5, 8, 10, 10],
  );
});

t.test('time alone matters only when something is waited for', async (t) => {
  t.equal(nextDeadline(facts(), wanted()), undefined);
  t.equal(nextDeadline(facts({ server: failedServer(NOW + 7) }), wanted()), NOW + 7);
  t.equal(nextDeadline(facts({ server: failedServer(NOW - 7) }), wanted()), undefined, 'the past is past');
  t.equal(nextDeadline(facts({ network: { kind: 'noCable', since: NOW } }), wanted()), NOW + 6_000);
  t.equal(nextDeadline(facts(), wanted({ desktop: blue({ retryAt: NOW + 3 }) })), NOW + 3);
});

t.test('every step has a sentence in both languages', async (t) => {
  const seen = CASES.flatMap(([, known, wants]) => nextSteps(known, wants));
  for (const step of seen) {
    t.match(sentence(step, 'en'), /^[A-Z]/);
    if (step.do !== 'waitForDesktop') t.not(sentence(step, 'pt'), sentence(step, 'en'), step.do);
  }
});

t.test('a state that the page gets holds no secret', async (t) => {
  const text = JSON.stringify(kioskState(facts({ session: session(OFF) }), wanted({ logIn }), display, ['us']));
  t.notMatch(text, /token|secret/);
});
