/** The routes for disks on PCs, with PCs that are real links and pretend the rest. */
import { once } from 'node:events';
import t from 'tap';
import { Type } from 'typebox';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import { Pc, Settings } from '#common/protocol/client-server.ts';
import { Desktop } from '#common/protocol/desktop.ts';
import type { DrbdStatus } from '#common/protocol/host-link.ts';
import { refusal } from './server/expect.ts';
import { DISK_A, DISK_B, FakePc, openHostLink } from './server/fake-pc.ts';
import { makeDesktop, makeImage, makeUser, startTestServer, type TestServer } from './server/start.ts';
import { until } from './until.ts';

const ONE = '11111111-2222-3333-4444-555555555555';
const TWO = '22222222-2222-3333-4444-555555555555';

let test: TestServer;
let root: PinnedClient;
let desktop: Desktop;
t.beforeEach(async () => {
  test = await startTestServer();
  root = await test.root();
  await makeUser(root, 'ana');
  await makeUser(root, 'rui');
  await makeImage(root, 'debian-1');
  desktop = await makeDesktop(root, 'ana-desk', 'ana', 'debian-1');
});
t.afterEach(() => test.stop());

const path = () => `/desktops/${desktop.id}/attachment`;
const attach = (pc: FakePc, disk = DISK_A, confirmed = true) =>
  pc.client.call({ method: 'PUT', path: path(), body: { disk, confirmed }, answer: Desktop });
const show = () => root.call({ path: `/desktops/${desktop.id}`, answer: Desktop });

/** What the server's end of DRBD says from now on. */
function drbd(status: Partial<DrbdStatus>): void {
  const whole: DrbdStatus = {
    ...{ role: 'Primary', disk: 'UpToDate', connection: 'Connected', replication: 'Established' },
    ...{ peerRole: 'Secondary', peerDisk: 'UpToDate', outOfSyncKiB: 0, receivedKiB: 0, sentKiB: 0 },
    ...{ writtenKiB: 0, readKiB: 0, suspended: false, ...status },
  };
  test.hosting.drbd.set(desktop.id, whole);
  test.hosting.notice({ notice: 'drbd', desktop: desktop.id, status: whole });
}

t.test('a disk is chosen, synchronised, paused, limited, left, and remembered', async (t) => {
  const pc = await FakePc.logIn(test, 'ana', ONE);
  t.equal(pc.login.pc, ONE);
  await pc.connect(test);
  const made = await attach(pc);
  t.match(made.attachment, { pc: { uuid: ONE, name: 'pc-11' }, disk: DISK_A, complete: false });
  await until(() => pc.names().includes('attach'));
  const { args } = pc.calls.find((c) => c.call === 'attach') ?? {};
  t.match(args, { source: 'server', consent: { kind: 'person' }, disk: DISK_A, generation: 0 });
  t.match(args?.baseline, { uuid: '1234567890ABCDE0' }, 'nothing of it is on that disk');
  t.match(String(args?.resource), /address ipv4 10\.86\.0\.2:2000\d/);
  const configured = test.hosting.hostCalls.find((c) => c.call === 'configure');
  t.equal((configured?.args as { resource: string }).resource, args?.resource, 'the same text on both ends');
  t.match(test.hosting.peers.get(desktop.id), { address: '10.86.0.2', drbd: true, incoming: false });
  drbd({ replication: 'SyncSource', peerDisk: 'Inconsistent', outOfSyncKiB: 50 });
  await settled();
  t.match((await show()).attachment?.state, { kind: 'syncing', to: 'pc', bytesLeft: 50 * 1024 });
  await pc.client.call({ method: 'PATCH', path: path(), body: { paused: true, limitKiBps: 500 } });
  await until(() => test.hosting.hostCalls.some((c) => c.call === 'pauseSync'));
  await until(() => pc.names().includes('configure'));
  t.match(String(pc.calls.findLast((c) => c.call === 'configure')?.args.resource), /resync-rate 500K/);
  t.match(await show(), { attachment: { state: { kind: 'paused' }, limitKiBps: 500 } });
  await pc.client.call({ method: 'PATCH', path: path(), body: { paused: false, limitKiBps: null } });
  drbd({});
  await until(() => test.hosting.hostCalls.findLast((c) => c.call === 'pauseSync')?.args !== undefined);
  t.match((await show()).attachment, { state: { kind: 'inSync' }, complete: true });
  pc.answers.detach = () => {
    pc.attached = undefined;
    return { saved: { dump: 'dump', fingerprint: fingerprint() } };
  };
  const left = await pc.client.call({ method: 'DELETE', path: path(), answer: Desktop });
  t.equal(left.attachment?.state.kind, 'detaching');
  await until(() => pc.names().includes('detach'));
  drbd({ connection: 'StandAlone', replication: 'Off', peerDisk: 'DUnknown' });
  await settled();
  t.match(await show(), { knownDisks: [{ pc: { uuid: ONE }, disk: DISK_A, pinned: false }] });
  t.notOk((await show()).attachment);
  await attach(pc, DISK_A, false);
  await until(() => pc.names().filter((n) => n === 'attach').length === 2);
  const again = pc.calls.findLast((c) => c.call === 'attach')?.args;
  t.match(again, { consent: { kind: 'holdsThisDesktop' }, saved: { dump: 'dump' } }, 'and it gets its metadata back');
  t.notOk(again?.baseline);
  t.match(String(again?.resource), /csums-alg/, 'should they not fit, it compares');
});

t.test('what must not be taken is refused, with the reason', async (t) => {
  const pc = await FakePc.logIn(test, 'ana', ONE);
  const why = async (call: Promise<unknown>) => {
    const { code, message } = await refusal(call);
    return `${code}: ${message}`;
  };
  t.match(await why(attach(pc, DISK_A, false)), /conflict: nobody has said yet/);
  t.match(await why(attach(pc, { ...DISK_A, serial: 'OTHER' })), /conflict: this PC has no such disk/);
  t.match(await why(attach(pc, { ...DISK_A, bytes: 5 })), /conflict: this PC has no such disk/);
  t.match(await why(attach(pc, { serial: 'STICK', wwn: '', model: '', bytes: 8_000_000_000 })), /removable/);
  t.match(await why(attach(pc, { serial: 'SMALL', wwn: '', model: '', bytes: 1000 })), /too small/);
  t.match(await why(attach(pc, { serial: '', wwn: '', model: '', bytes: 1000 })), /neither a serial number nor a WWN/);
  const rui = await FakePc.logIn(test, 'rui', TWO);
  t.match(await why(attach(rui)), /not_found/);
  t.match(await why(root.call({ method: 'PUT', path: path(), body: { disk: DISK_A, confirmed: true } })), /forbidden/);
  const terminal = await test.as('ana');
  t.match(
    await why(terminal.call({ method: 'PUT', path: path(), body: { disk: DISK_A, confirmed: true } })),
    /conflict: this is not the session of a PC/,
  );
  for (const [method, rest, body] of [
    ['PATCH', 'attachment', { paused: true }],
    ['DELETE', 'attachment', undefined],
    ['DELETE', 'move', undefined],
    ['POST', 'move', { to: 'pc' }],
    ['POST', 'move', { to: 'server' }],
  ] as const) {
    const call = pc.client.call({ method, path: `/desktops/${desktop.id}/${rest}`, ...(body && { body }) });
    t.match(await why(call), /^conflict/, `${method} ${rest}`);
  }
  t.match(
    await why(root.call({ method: 'POST', path: `/desktops/${desktop.id}/reclaim`, body: { generation: 1 } })),
    /on the server already/,
  );
  t.match(await why(rui.client.call({ path: '/pcs' })), /forbidden/);
});

t.test('an administrator pins a disk and sets limits', async (t) => {
  const pc = await FakePc.logIn(test, 'ana', ONE);
  await pc.connect(test);
  const [seen] = await root.call({ path: '/pcs', answer: Type.Array(Pc) });
  t.match(seen, { uuid: ONE, name: 'pc-11', pins: [], disks: [{ serial: 'DISK-A' }] });
  await root.call({ method: 'PATCH', path: `/pcs/${ONE}`, body: { pins: ['eui.1'], limitKiBps: 300 }, answer: Pc });
  const offered = await show();
  t.match(offered.knownDisks, [{ pc: { uuid: ONE }, disk: DISK_B, pinned: true }]);
  await attach(pc, DISK_B, false);
  await until(() => pc.names().includes('attach'));
  t.match(pc.calls.find((c) => c.call === 'attach')?.args, {
    consent: { kind: 'pinned' },
    resource: /resync-rate 300K/,
  });
  const settings = await root.call({
    method: 'PATCH',
    path: '/settings',
    body: { syncLimitKiBps: 100 },
    answer: Settings,
  });
  t.same(settings, { syncLimitKiBps: 100 });
  await until(() => /resync-rate 100K/.test(String(pc.calls.findLast((c) => c.call === 'configure')?.args.resource)));
  t.same(await root.call({ method: 'PATCH', path: '/settings', body: { syncLimitKiBps: null }, answer: Settings }), {});
  t.equal((await refusal(root.call({ method: 'PATCH', path: '/pcs/nothing', body: {} }))).code, 'not_found');
});

t.test(
  'a second PC takes the desktop over: the first one is detached, and what it saved is not given back',
  async (t) => {
    const one = await FakePc.logIn(test, 'ana', ONE);
    await one.connect(test);
    one.answers.detach = () => {
      one.attached = undefined;
      return { saved: { dump: 'of the first', fingerprint: fingerprint() } };
    };
    await attach(one);
    await until(() => one.names().includes('attach'));
    await one.client.call({ method: 'DELETE', path: path() });
    await until(() => one.names().includes('detach'));
    const two = await FakePc.logIn(test, 'ana', TWO);
    await two.connect(test);
    await attach(two);
    await until(() => two.names().includes('attach'));
    t.match(await show(), { attachment: { pc: { uuid: TWO } } });
    await attach(one);
    await until(() => two.names().includes('detach') && one.names().filter((n) => n === 'attach').length === 2);
    t.equal(one.calls.findLast((c) => c.call === 'attach')?.args.saved, undefined);
    t.match(await show(), { attachment: { pc: { uuid: ONE } } });
  },
);

t.test('another disk, and another desktop, on the same PC: what is there is left first', async (t) => {
  const pc = await FakePc.logIn(test, 'ana', ONE);
  await pc.connect(test);
  await attach(pc);
  await until(() => pc.names().includes('attach'));
  await attach(pc, DISK_B);
  await until(() => pc.names().filter((n) => n === 'attach').length === 2);
  t.equal(
    pc
      .names()
      .filter((n) => n !== 'configure')
      .join(),
    'attach,detach,attach',
  );
  t.match(await show(), { attachment: { disk: DISK_B } });
  const other = await makeDesktop(root, 'ana-other', 'ana', 'debian-1');
  const body = { disk: DISK_B, confirmed: true };
  await pc.client.call({ method: 'PUT', path: `/desktops/${other.id}/attachment`, body });
  await until(() => pc.attached === other.id);
  await settled();
  t.notOk((await show()).attachment);
  t.notOk((await show()).knownDisks, 'what was on the disk is not there any more');
  await test.hold(other.id, ONE);
  const { message } = await refusal(attach(pc));
  t.match(message, /this PC holds ana-other/);
});

t.test('a PC refuses the disk: it is said why, and not tried again by itself', async (t) => {
  const pc = await FakePc.logIn(test, 'ana', ONE);
  await pc.connect(test);
  pc.answers.attach = () => {
    throw new Error('this disk is in use');
  };
  await attach(pc);
  await until(() => pc.names().includes('attach'));
  await settled();
  t.match((await show()).attachment?.state, { kind: 'failed', reason: /this disk is in use/ });
  t.notOk((await show()).knownDisks, 'and it is not remembered as chosen');
});

t.test('a disk that takes long to be made empty: how far it is', async (t) => {
  const pc = await FakePc.logIn(test, 'ana', ONE);
  await pc.connect(test);
  pc.say({ notice: 'emptying', desktop: desktop.id, percent: 7 }); // nobody asked it for that
  let done = () => {};
  pc.answers.attach = () => new Promise((resolve) => (done = () => resolve(undefined)));
  await attach(pc);
  await until(() => pc.names().includes('attach'));
  const state = async () => (await show()).attachment?.state;
  t.same(await state(), { kind: 'preparing', step: 'Preparing the disk of the PC' });
  pc.say({ notice: 'emptying', desktop: desktop.id, percent: 40 });
  await until(async () => JSON.stringify(await state()).includes('percent'));
  t.same(await state(), { kind: 'preparing', step: 'Making the disk of the PC empty', percent: 40 });
  done();
  drbd({});
  await until(async () => (await state())?.kind === 'inSync');
});

t.test('given up while its disk is made empty: the PC breaks that off, and nothing is left of it', async (t) => {
  const pc = await FakePc.logIn(test, 'ana', ONE);
  await pc.connect(test);
  let fail = (_: Error) => {};
  pc.answers.attach = () => new Promise((_, reject) => (fail = reject));
  pc.answers.cancelAttach = () => fail(new Error('it was broken off'));
  await attach(pc);
  await until(() => pc.names().includes('attach'));
  await pc.client.call({ method: 'DELETE', path: `${path()}?forget=true`, answer: Desktop });
  await until(() => pc.names().includes('cancelAttach'));
  await settled();
  const { attachment, knownDisks, notice } = await show();
  t.same({ attachment, knownDisks, notice }, { attachment: undefined, knownDisks: undefined, notice: undefined });
  pc.answers = {};
  await attach(pc);
  await until(() => pc.names().filter((name) => name === 'attach').length === 2);
  drbd({});
  await until(async () => (await show()).attachment?.state.kind === 'inSync');
});

t.test('only the owner’s session at that PC gets the disk, whatever another one claims to be', async (t) => {
  const pc = await FakePc.logIn(test, 'ana', ONE);
  await pc.connect(test);
  await attach(pc);
  await until(() => pc.names().includes('attach'));
  pc.disconnect();
  const thief = await FakePc.logIn(test, 'rui', ONE);
  thief.attached = desktop.id;
  await thief.connect(test);
  await until(() => thief.names().includes('detach'));
  t.notOk(thief.names().includes('attach'));
  t.same(
    thief.calls.filter((c) => 'resource' in c.args),
    [],
    'it hears no secret',
  );
});

t.test('links: only of PCs, one a PC and person, cut off when they say nonsense or their session ends', async (t) => {
  const refused = async (token: string) => {
    const [, response] = (await once(openHostLink(test, token), 'unexpected-response')) as [
      unknown,
      { statusCode: number },
    ];
    return response.statusCode;
  };
  t.equal(await refused('A'.repeat(43)), 401);
  t.equal(await refused((await test.as('ana')).token ?? ''), 409);
  t.equal(await refused(root.token ?? ''), 409);
  const pc = await FakePc.logIn(test, 'ana', ONE);
  for (const nonsense of ['{', '[]', '{"id":1}', { notice: 'drbd', desktop: 'x' }, Buffer.from('binary')]) {
    await pc.connect(test);
    const closed = pc.closed();
    pc.say(nonsense);
    await closed;
  }
  await pc.connect(test);
  const replaced = pc.closed();
  await pc.connect(test);
  await replaced;
  const ended = pc.closed();
  await root.call({ method: 'DELETE', path: `/sessions/${pc.login.session}` });
  await ended;
  t.same(
    test.log.filter((line) => JSON.parse(line).level >= 50),
    [],
  );
});

t.test(
  'a session whose PC holds a desktop outlives everything, until the same person logs in there again',
  async (t) => {
    const pc = await FakePc.logIn(test, 'ana', ONE);
    await pc.connect(test);
    await attach(pc);
    await until(() => pc.names().includes('attach'));
    await test.hold(desktop.id, ONE);
    test.hosting.tunnelDies(pc.login.session);
    test.ahead += 30 * 24 * 3600_000;
    await settled();
    await pc.client.call({ path: '/sessions/current' });
    t.match(await show(), { holder: { pc: { uuid: ONE }, generation: 1 } });
    t.equal((await refusal(root.call({ method: 'DELETE', path: `/desktops/${desktop.id}` }))).code, 'conflict');
    t.equal(
      (await refusal(pc.client.call({ method: 'POST', path: `/desktops/${desktop.id}/viewer` }))).code,
      'conflict',
    );
    const again = await FakePc.logIn(test, 'ana', ONE);
    t.equal((await refusal(pc.client.call({ path: '/desktops' }))).code, 'unauthorized');
    pc.disconnect();
    await settled();
    t.match(await refusal(again.client.call({ method: 'POST', path: `/desktops/${desktop.id}/start` })), {
      code: 'conflict',
      message: /not connected/,
    });
  },
);

t.test('power of a desktop that a PC holds: the PC does it, and its refusal is told', async (t) => {
  const pc = await FakePc.logIn(test, 'ana', ONE);
  await pc.connect(test);
  await attach(pc);
  await until(() => pc.names().includes('attach'));
  await settled();
  await test.hold(desktop.id, ONE);
  const power = (what: string) =>
    pc.client.call({ method: 'POST', path: `/desktops/${desktop.id}/${what}`, answer: Desktop });
  await power('start');
  t.equal(pc.names().at(-1), 'startMachine');
  pc.machine = { kind: 'running', since: new Date().toISOString() };
  pc.say({ notice: 'machine', desktop: desktop.id, state: pc.machine });
  await settled();
  t.equal((await show()).state.kind, 'running');
  await power('shut-down');
  t.equal(pc.names().at(-1), 'shutDown');
  pc.answers.endMachine = () => {
    throw new Error('QEMU does not go');
  };
  t.match(await refusal(power('force-off')), { code: 'unavailable', message: 'pc-11: QEMU does not go' });
  t.equal(test.hosting.desktopState(desktop.id).kind, 'off', 'the server starts nothing');
});

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

function fingerprint() {
  return { version: 1, key: '0'.repeat(64), hash: '1'.repeat(64), parts: ['gpt'] };
}
