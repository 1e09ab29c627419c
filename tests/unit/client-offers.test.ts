import t from 'tap';
import type { Desktop, SyncState } from '#common/protocol/desktop.ts';
import type { Facts } from '../../client-runtime/facts.ts';
import { saidAlone } from '../../client-runtime/kiosk/page/texts/said.ts';
import { offerOf } from '../../client-runtime/offers.ts';
import { tabCommand, tabOf } from '../../client-runtime/tab.ts';
import { attachment, away, having, holder, IN_SYNC, MOVE, open, PC, RUNS_HERE, THERE } from './client/copies.ts';
import { AT, desktop, facts, failedServer, NOW, OFF, RUNNING, viewer, wanted } from './client/situation.ts';

t.test('what is offered', async (t) => {
  const offer = (more: Partial<Desktop>, all: Desktop[] = [], pc: string | undefined = PC) =>
    offerOf({ ...desktop(RUNNING), ...more }, all, pc);
  const other: Desktop = { ...desktop(RUNNING), id: 'other', name: 'red', attachment: attachment() };
  t.same(offer({}), { place: { kind: 'server' }, copy: 'none', keepCopy: {} });
  t.same(
    offerOf(desktop(RUNNING), [], undefined),
    { place: { kind: 'server' }, copy: 'none' },
    'a PC that hosts nothing',
  );
  t.match(offer({}, [other]), { keepCopy: { why: { kind: 'otherDesktop', name: 'red' } } });
  t.match(offer({ attachment: attachment(IN_SYNC, { pc: THERE }) }), {
    copy: 'elsewhere',
    keepCopy: { why: { kind: 'otherPc', name: 'lab-9' } },
  });
  t.same(offer({ attachment: attachment() }), { place: { kind: 'server' }, copy: 'here', moveHere: {} });
  const syncing: SyncState = { kind: 'syncing', percent: 10, bytesLeft: 1, bytesPerSecond: 1, to: 'pc' };
  t.same(offer({ attachment: attachment(syncing) }).moveHere, {}, 'now, the rest follows');
  t.match(offer({ attachment: attachment(), state: OFF }), { moveHere: { why: { kind: 'notRunning' } } });
  t.match(offer({ attachment: attachment({ kind: 'preparing', step: 'x' }) }), {
    moveHere: { why: { kind: 'notReady' } },
  });
  t.match(offer({ attachment: attachment(IN_SYNC, { localHost: { possible: false, reason: 'no KVM' } }) }), {
    moveHere: { why: { kind: 'told', text: 'no KVM' } },
  });
  t.same(offer({ attachment: attachment(), holder: holder() }), {
    place: { kind: 'here' },
    copy: 'here',
    moveToServer: {},
  });
  t.match(offer({ attachment: attachment({ kind: 'disconnected', since: AT }), holder: holder() }), {
    moveToServer: { why: { kind: 'serverLost' } },
  });
  t.same(offer({ holder: holder(THERE) }), {
    place: { kind: 'otherPc', name: 'lab-9', reachable: true },
    copy: 'none',
  });
  t.same(
    offer({ attachment: attachment(), move: MOVE }),
    { place: { kind: 'server' }, copy: 'here' },
    'one thing at a time',
  );
});

t.test('the tab over a desktop', async (t) => {
  const tab = (more: Partial<Facts>, language: 'en' | 'pt' = 'en') =>
    tabOf(facts({ viewer: viewer('shown'), ...more }), wanted(open), language);
  t.same(tab({ viewer: { kind: 'closed' }, session: having({}) }), { status: '', notice: '' });
  t.same(tab({ session: having({}) }), {
    status: '',
    notice: '',
    action: { name: 'keepCopy', label: 'Keep a copy on this PC' },
  });
  t.match(tab({ session: having({ attachment: attachment() }) }, 'pt'), {
    status: 'A cópia neste PC está completa',
    action: { name: 'moveHere', label: 'Trabalhar neste PC' },
  });
  t.match(tab({ session: having({ attachment: attachment(), move: MOVE }) }), {
    notice: 'Moving to the server. Go on working. 40%',
    action: { name: 'cancelMove' },
  });
  const late = having({ attachment: attachment(), move: { ...MOVE, phase: 'switchingOver' } });
  t.equal(tab({ session: late }).action, undefined, 'too late to cancel');
  const lost = { session: having({ holder: holder() }, away), server: failedServer(NOW), here: RUNS_HERE };
  t.match(tab(lost), { notice: /^Server not reachable since \d\d:\d\d$/, status: /Go on working/ });
  const said = { at: new Date(NOW - 5000).toISOString(), text: 'The move did not work' };
  t.equal(tab({ session: having({ attachment: attachment(), notice: said }) }).notice, 'The move did not work.');
  t.equal(
    tab({ now: NOW + 30_000, session: having({ attachment: attachment(), notice: said }) }).notice,
    '',
    'for a while',
  );
  t.same(
    ['keepCopy', 'moveHere', 'moveToServer', 'cancelMove', 'nonsense'].map(
      (name) => tabCommand(name, wanted(open))?.do,
    ),
    ['chooseDisk', 'move', 'move', 'cancelMove', undefined],
  );
});

t.test('what the server says is said in Portuguese too', async (t) => {
  const pt = (text: string) => saidAlone('pt', text);
  t.equal(pt('Opening the disk'), 'A abrir o disco.');
  t.equal(
    pt('ana-desk could not be moved: the connection to lab-7 was lost. It goes on where it was.'),
    'Não foi possível mudar ana-desk: perdeu-se a ligação a lab-7. Continua onde estava.',
  );
  t.equal(pt('nothing was written: something new'), 'Nada foi escrito: something new.', 'what is not known stays');
  t.equal(
    pt('$1 {1} could not be moved: $2. It goes on where it was.'),
    'Não foi possível mudar $1 {1}: $2. Continua onde estava.',
  );
  t.equal(saidAlone('en', 'the disk is gone'), 'The disk is gone.');
});
