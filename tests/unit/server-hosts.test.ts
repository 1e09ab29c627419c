/** The calls of the host link: by number, with time limits, and never trusting what comes back. */
import t from 'tap';
import type { HostNotice } from '#common/protocol/host-link.ts';
import { Hosts } from '../../server/hosts/hosts.ts';
import { CALL_LIMITS, withLimits } from '../../server/hosts/limits.ts';
import { HostLink } from '../../server/hosts/link.ts';

const DESKTOP = '0123456789abcdef';
const LOST = { message: /^the connection to pc-1 (is|was) lost$|is not connected$/ };

function begin(limit = 1_000) {
  const sent: { id: number; call: string; args: object }[] = [];
  const closed: string[] = [];
  const notices: HostNotice[] = [];
  const limits = Object.fromEntries(Object.keys(CALL_LIMITS).map((call) => [call, limit])) as typeof CALL_LIMITS;
  const wire = {
    send: (text: string) => void sent.push(JSON.parse(text)),
    close: (why: string) => void closed.push(why),
  };
  const link = new HostLink({ wire, pcName: 'pc-1', limits, onNotice: (n) => notices.push(n) });
  return { link, sent, closed, notices, answer: (value: unknown) => link.receive(JSON.stringify(value)) };
}

t.test('answers come in any order, each to its call; words of the PC become an error with its name', async (t) => {
  const { link, sent, answer } = begin();
  const first = link.call('setRole', { desktop: DESKTOP, role: 'primary' });
  const second = link.call('startIncoming', { desktop: {} as never });
  t.match(sent, [{ call: 'setRole', args: { role: 'primary' } }, { call: 'startIncoming' }]);
  answer({ id: sent[1]?.id, answer: { host: '10.86.0.2', port: 40_000 } });
  answer({ id: sent[0]?.id, error: { message: 'the disk is gone', hint: 'Look at it.' } });
  t.same(await second, { host: '10.86.0.2', port: 40_000 });
  await t.rejects(first, { message: 'pc-1: the disk is gone', hint: 'Look at it.' });
});

t.test('a late answer is too late, an abort is at once, and both leave nothing behind', async (t) => {
  const { link, sent, answer, closed } = begin(20);
  await t.rejects(link.call('inspect', {}), { name: 'UserError', message: /did not answer within 0.02 s/ });
  answer({ id: sent[0]?.id, answer: { localHost: { kvm: true, memoryFreeMiB: 1, missingCpuFeatures: [] } } });
  t.same(closed, [], 'nothing happens');
  const abort = new AbortController();
  const call = link.call('inspect', {}, abort.signal);
  abort.abort(new Error('changed my mind'));
  await t.rejects(call, /changed my mind/);
  await t.rejects(link.call('inspect', {}, abort.signal), /changed my mind/);
  t.equal(sent.length, 2, 'what is aborted before is never sent');
});

t.test('an answer in another form, or no reply at all, ends the link and every call on it', async (t) => {
  const nonsenses = [
    { id: 1, answer: { host: 'x' } },
    { id: 0 },
    { id: 1, error: 'no' },
    { id: 1, answer: {}, error: null },
    { id: 1, answer: {}, notice: 'drbd', desktop: DESKTOP, status: null },
    { notice: 'x' },
    'x',
  ];
  for (const nonsense of nonsenses) {
    const { link, answer, closed, notices } = begin();
    const calls = [link.call('startIncoming', { desktop: {} as never }), link.call('inspect', {})];
    answer(nonsense);
    t.equal(closed.length, 1, JSON.stringify(nonsense));
    t.same(notices, [], 'nobody is told of it');
    for (const call of calls) await t.rejects(call as Promise<unknown>, LOST);
    await t.rejects(link.call('inspect', {}), LOST);
  }
});

t.test('a PC stays the same host while links come and go; a newer link replaces the older one', async (t) => {
  const hosts = new Hosts({ now: () => 1_000 });
  const changes: (string | undefined)[] = [];
  hosts.onChange((host) => changes.push(host.address));
  const host = hosts.of({ pc: 'p', user: 'ana' });
  await t.rejects(host.inspect({}), LOST);
  const open = (address: string) => {
    const closed: string[] = [];
    const sent: string[] = [];
    const wire = { send: (text: string) => void sent.push(text), close: (why: string) => void closed.push(why) };
    const link = hosts.connect({ pc: 'p', user: 'ana', sessionId: 's', pcName: 'pc-1', address, wire });
    return { closed, sent, link };
  };
  const one = open('10.86.0.2');
  const waiting = host.inspect({});
  const two = open('10.86.0.3');
  t.equal(one.closed.length, 1);
  await t.rejects(waiting, LOST);
  one.link.ended();
  t.equal(host.address, '10.86.0.3', 'the end of the older link changes nothing');
  t.equal(hosts.of({ pc: 'p', user: 'ana' }), host);
  t.not(hosts.of({ pc: 'p', user: 'rui' }), host, 'another person at the same PC is another host');
  t.same(hosts.connectedOf('rui'), []);
  two.link.ended();
  t.equal(host.address, undefined);
  t.equal(host.lastAddress, '10.86.0.3', 'its DRBD may still be there');
  hosts.sessionEnded('s');
  t.equal(host.lastAddress, undefined, 'until its session ends');
  t.same(changes, ['10.86.0.2', '10.86.0.3', undefined]);
});

t.test('the server’s own calls have the same time limits', async (t) => {
  const never = new Proxy({} as never, { get: () => () => new Promise(() => {}) });
  const limits = { ...CALL_LIMITS, setRole: 10 };
  const server = withLimits(never, 'the server', limits);
  await t.rejects(server.setRole({ desktop: DESKTOP, role: 'primary' }), /the server did not answer within 0.01 s/);
});
