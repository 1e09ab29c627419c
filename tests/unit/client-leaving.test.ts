/** Log-out and power off with a desktop's disk on this PC: what is put away or brought back first. */
import t from 'tap';
import { bringsBack } from '../../client-runtime/plan-copies.ts';
import { type Case, checkCases } from './client/cases.ts';
import { attachment, away, having, here, holder, leaving, MOVE, RUNS_HERE, THERE } from './client/copies.ts';
import { AT, facts, failedServer, NOW, wanted } from './client/situation.ts';

const LEAVING: Case[] = [
  ['nothing is kept here', facts({ session: having({}) }), wanted({ logOut: true, leaving }), ['logOut'], 'login'],
  [
    'a copy is put away first',
    facts({ session: having({ attachment: attachment() }), here: here() }),
    wanted({ logOut: true, leaving }),
    ['putAway'],
    'leaving finishing',
  ],
  [
    'and waited for',
    facts({ session: having({ attachment: attachment({ kind: 'detaching' }) }), here: here() }),
    wanted({ power: 'powerOff', leaving }),
    [],
    'leaving finishing',
  ],
  [
    'for a minute at most',
    facts({ now: NOW + 61_000, session: having({ attachment: attachment({ kind: 'detaching' }) }), here: here() }),
    wanted({ power: 'powerOff', leaving }),
    ['logOut'],
    'leaving finishing',
  ],
  [
    'a copy whose server is away is left as it is',
    facts({ session: having({ attachment: attachment() }, away), server: failedServer(NOW + 5000), here: here() }),
    wanted({ power: 'powerOff', leaving }),
    ['logOut'],
    'goingDown',
  ],
  [
    'a desktop that runs here goes back first',
    facts({ session: having({ holder: holder(), attachment: attachment() }), here: RUNS_HERE }),
    wanted({ power: 'powerOff', leaving }),
    ['bringBack'],
    'leaving moving',
  ],
  [
    'while it moves',
    facts({ session: having({ holder: holder(), attachment: attachment(), move: MOVE }), here: RUNS_HERE }),
    wanted({ logOut: true, leaving: { ...leaving, asked: true } }),
    [],
    'leaving moving',
  ],
  [
    'it did not work',
    facts({
      session: having({ holder: holder(), attachment: attachment(), notice: { at: AT, text: 'no memory' } }),
      here: RUNS_HERE,
    }),
    wanted({ logOut: true, leaving: { ...leaving, asked: true } }),
    [],
    'leaving asking told',
  ],
  [
    'the server is away: the person decides',
    facts({
      session: having({ holder: holder(), attachment: attachment() }, away),
      server: failedServer(NOW + 5000),
      here: RUNS_HERE,
    }),
    wanted({ power: 'restart', leaving }),
    [],
    'leaving asking serverLost',
  ],
  [
    'and leaves nevertheless',
    facts({
      session: having({ holder: holder(), attachment: attachment() }, away),
      server: failedServer(NOW + 5000),
      here: RUNS_HERE,
    }),
    wanted({ power: 'restart', leaving: { ...leaving, anyway: true } }),
    ['shutDownHere'],
    'leaving shuttingDown',
  ],
  [
    'when it is down',
    facts({ session: having({ holder: holder() }, away), server: failedServer(NOW + 5000), here: here() }),
    wanted({ power: 'restart', leaving: { ...leaving, anyway: true } }),
    ['logOut'],
    'goingDown',
  ],
  [
    'power off without a session while a desktop runs here',
    facts({ here: RUNS_HERE }),
    wanted({ power: 'powerOff', leaving }),
    ['shutDownHere'],
    'goingDown',
  ],
];

t.test('leaving: what is done and shown', async (t) => checkCases(t, LEAVING));

t.test('the minute for putting a copy away begins when the desktop is back at the server', async (t) => {
  const kept = { attachment: attachment() };
  t.ok(bringsBack(facts({ session: having({ ...kept, holder: holder() }) })), 'held here: the time does not run');
  t.notOk(bringsBack(facts({ session: having(kept) })), 'back at the server');
  t.notOk(bringsBack(facts({ session: having({ ...kept, holder: holder(THERE) }) })), 'on another PC');
  t.notOk(bringsBack(facts({})), 'nobody is logged in');
});
