/** A desktop's disk on this PC: when it is attached, where the picture is, what is shown without the server. */
import t from 'tap';
import { nextDeadline } from '../../client-runtime/plan.ts';
import { kioskState } from '../../client-runtime/screen.ts';
import { type Case, checkCases } from './client/cases.ts';
import {
  attachment,
  away,
  DISK,
  having,
  here,
  holder,
  known,
  looking,
  MOVE,
  NO_DISK_YET,
  open,
  RUNS_HERE,
  THERE,
} from './client/copies.ts';
import { AT, blue, display, facts, failedServer, ID, NOW, OFF, viewer, wanted } from './client/situation.ts';

const ATTACHING: Case[] = [
  [
    'a disk that is known is attached when its desktop is opened',
    facts({ session: having({ knownDisks: [known()] }), here: NO_DISK_YET }),
    wanted({ desktop: blue() }),
    ['attach', 'openViewer server'],
    'opening',
  ],
  [
    'but not before',
    facts({ session: having({ knownDisks: [known()] }), here: NO_DISK_YET }),
    wanted(),
    [],
    'desktops',
  ],
  [
    'not twice in a session',
    facts({ session: having({ knownDisks: [known()] }, { attachTried: [ID] }), here: NO_DISK_YET }),
    wanted({ desktop: blue() }),
    ['openViewer server'],
    'opening',
  ],
  [
    "not another PC's disk, and not one that was put aside",
    facts({
      session: having({ knownDisks: [known({ pc: THERE }), known({ aside: { since: AT, text: 'old' } })] }),
      here: NO_DISK_YET,
    }),
    wanted({ desktop: blue() }),
    ['openViewer server'],
    'opening',
  ],
  [
    'not without a link for the server to call',
    facts({
      session: having({ knownDisks: [known()] }),
      here: here({ desktop: undefined, link: { connected: false, since: 0 } }),
    }),
    wanted({ desktop: blue() }),
    ['openViewer server'],
    'opening',
  ],
  [
    'a desktop whose newest state is on this disk waits for the disk',
    facts({ session: having({ holder: holder(), knownDisks: [known()], state: OFF }), here: NO_DISK_YET }),
    wanted({ desktop: blue() }),
    ['attach', 'waitForDesktop'],
    'opening',
  ],
  [
    'also while the server gets it ready',
    facts({
      session: having(
        { holder: holder(), state: OFF, attachment: attachment({ kind: 'preparing', step: 'x' }) },
        { attachTried: [ID] },
      ),
      here: here(),
    }),
    wanted({ desktop: blue() }),
    ['waitForDesktop'],
    'opening',
  ],
  [
    'a disk that could not be opened is no reason to wait: the server says what is wrong',
    facts({
      session: having(
        { holder: holder(), state: OFF, attachment: attachment({ kind: 'failed', reason: 'x' }) },
        { attachTried: [ID] },
      ),
      here: NO_DISK_YET,
    }),
    wanted({ desktop: blue() }),
    ['startDesktop'],
    'opening',
  ],
  [
    'and is started from there',
    facts({ session: having({ holder: holder(), state: OFF, attachment: attachment() }), here: here() }),
    wanted({ desktop: blue() }),
    ['startDesktop'],
    'opening',
  ],
  [
    'the disks are read when they are asked for',
    facts({ session: having({}) }),
    wanted({ disks: looking }),
    ['listDisks'],
    'disks',
  ],
  [
    'and shown until one is chosen',
    facts({ session: having({}), here: NO_DISK_YET }),
    wanted({ disks: { ...looking, list: [] } }),
    [],
    'disks',
  ],
  [
    'a disk that was confirmed is attached',
    facts({ session: having({}), here: NO_DISK_YET }),
    wanted({ disks: { ...looking, list: [], chosen: DISK } }),
    ['attach'],
    'disks busy',
  ],
  [
    'wishes go to the server',
    facts({ session: having({ attachment: attachment() }), here: here() }),
    wanted({
      copies: [
        { do: 'pauseCopy', id: ID },
        { do: 'move', id: ID, to: 'pc' },
      ],
    }),
    ['changeCopy', 'changeCopy'],
    'desktops',
  ],
];

const FOLLOWING: Case[] = [
  [
    'a desktop that runs here is seen from here',
    facts({ session: having({ holder: holder(), attachment: attachment() }), here: RUNS_HERE }),
    wanted({ desktop: blue() }),
    ['openViewer here'],
    'opening',
  ],
  [
    'the picture follows to this PC, and the old one stays meanwhile',
    facts({
      session: having({ holder: holder(), attachment: attachment() }),
      here: RUNS_HERE,
      viewer: viewer('shown'),
    }),
    wanted(open),
    ['openViewer here'],
    'inUse',
  ],
  [
    'on its way',
    facts({
      session: having({ holder: holder(), attachment: attachment() }),
      here: RUNS_HERE,
      viewer: viewer('opening', { place: 'here', frozen: true }),
    }),
    wanted(open),
    [],
    'inUse',
  ],
  [
    'and back to the server',
    facts({ session: having({ attachment: attachment() }), here: here(), viewer: viewer('shown', { place: 'here' }) }),
    wanted(open),
    ['openViewer server'],
    'inUse',
  ],
  [
    'the holder is written down, but the machine does not run here yet: the picture stays',
    facts({
      session: having({ holder: holder(), attachment: attachment() }),
      here: here({ machine: 'arrived' }),
      viewer: viewer('shown'),
    }),
    wanted(open),
    [],
    'inUse',
  ],
  [
    'its picture ends in the middle of a move: it stands still',
    facts({
      now: NOW + 3000,
      session: having({ move: { ...MOVE, to: 'pc', phase: 'switchingOver' }, attachment: attachment() }),
      here: here({ machine: 'incoming' }),
      viewer: viewer('lost', { frozen: true }),
    }),
    wanted({ desktop: blue({ phase: 'inUse', started: true, retryAt: NOW + 3100 }) }),
    ['waitForDesktop'],
    'inUse',
  ],
  [
    'but not for ever',
    facts({
      now: NOW + 9000,
      session: having({ move: { ...MOVE, to: 'pc' }, attachment: attachment() }),
      here: here({ machine: 'incoming' }),
      viewer: viewer('lost', { frozen: true }),
    }),
    wanted(open),
    ['closeViewer'],
    'inUse',
  ],
  [
    'a picture that ends without a move is taken away after a moment',
    facts({ now: NOW + 1500, session: having({}), viewer: viewer('lost', { frozen: true }) }),
    wanted({ desktop: blue({ phase: 'inUse', started: true, retryAt: NOW + 1500 }) }),
    ['closeViewer'],
    'inUse',
  ],
  [
    'a desktop that was shut down meanwhile is left',
    facts({ session: having({ state: OFF }), viewer: viewer('lost', { frozen: true }) }),
    wanted(open),
    ['leaveDesktop'],
    'inUse',
  ],
  [
    'its screen is dark: the kiosk says what it waits for',
    facts({ session: having({}), viewer: viewer('opening', { dark: true }) }),
    wanted({ desktop: blue() }),
    [],
    'opening dark',
  ],
];

const LOST: Case[] = [
  [
    'the server is away, the desktop runs here: the picture stays',
    facts({
      session: having({ holder: holder(), attachment: attachment() }, away),
      server: failedServer(NOW + 5000),
      here: RUNS_HERE,
      viewer: viewer('shown', { place: 'here' }),
    }),
    wanted(open),
    [],
    'inUse',
  ],
  [
    'from the list it can be opened again',
    facts({
      session: having({ holder: holder(), attachment: attachment() }, away),
      server: failedServer(NOW + 5000),
      here: RUNS_HERE,
    }),
    wanted(),
    [],
    'serverLost here',
  ],
  [
    'and is, without the server',
    facts({
      session: having({ holder: holder(), attachment: attachment() }, away),
      server: failedServer(NOW + 5000),
      network: { kind: 'noCable', since: 0 },
      here: RUNS_HERE,
    }),
    wanted({ desktop: blue() }),
    ['openViewer here'],
    'opening',
  ],
  [
    'a desktop on the server stands still for a moment, then the kiosk says what is wrong',
    facts({
      now: NOW + 1600,
      session: having({}, away),
      server: failedServer(NOW + 5000),
      viewer: viewer('lost', { frozen: true }),
    }),
    wanted(open),
    ['closeViewer'],
    'inUse',
  ],
];

for (const [title, cases] of Object.entries({ ATTACHING, FOLLOWING, LOST })) {
  t.test(`${title.toLowerCase()}: what is done and shown`, async (t) => checkCases(t, cases));
}

t.test('our own picture that was just closed is nobody elsewhere', async (t) => {
  const seen = { kind: 'running', since: AT, viewers: 1 } as const;
  const viewers = (now: number) => {
    const known = facts({ now, session: having({ state: seen }), left: { desktop: ID, at: NOW } });
    const { screen } = kioskState(known, wanted(), display, ['us']);
    const state = screen.kind === 'desktops' && screen.desktops[0]?.state;
    return state && state.kind === 'running' && state.viewers;
  };
  t.equal(viewers(NOW + 1000), 0);
  t.equal(viewers(NOW + 16_000), 1, 'but somebody who stays is');
  t.equal(nextDeadline(facts({ left: { desktop: ID, at: NOW } }), wanted()), NOW + 15_000);
});
