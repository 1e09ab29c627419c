import t from 'tap';
import { Type } from 'typebox';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import { LoggedIn, Session, User } from '#common/protocol/client-server.ts';
import { refusal } from './server/expect.ts';
import {
  makeDesktop,
  makeImage,
  makeUser,
  PASSWORD,
  startTestServer,
  type TestServer,
  wireGuardKey,
} from './server/start.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let test: TestServer;
let root: PinnedClient;
t.beforeEach(async () => {
  test = await startTestServer();
  root = await test.root();
  await makeUser(root, 'ana');
});
t.afterEach(() => test.stop());

/** Tries to log in; the error's code, or "ok". */
async function tryLogIn(user: string, password: string): Promise<string> {
  const body = { user, password };
  const call = test.client().call({ method: 'POST', path: '/sessions', body, answer: LoggedIn });
  return await call.then(
    () => 'ok',
    (error) => error.code,
  );
}

t.test('five wrong passwords lock an account, longer each time, also over a restart', async (t) => {
  for (let i = 0; i < 5; i += 1) t.equal(await tryLogIn('ana', 'wrong'), 'wrong_login');
  const body = { user: 'ana', password: PASSWORD };
  const locked = await refusal(test.client().call({ method: 'POST', path: '/sessions', body }));
  t.equal(locked.code, 'locked_out', 'also with the right password');
  t.equal(locked.status, 429);
  t.ok((locked.retryAfterSeconds ?? 0) > 55 && (locked.retryAfterSeconds ?? 0) <= 60);
  await test.restart();
  t.equal(await tryLogIn('ana', PASSWORD), 'locked_out');
  test.ahead += MINUTE;
  t.equal(await tryLogIn('ana', 'wrong'), 'wrong_login');
  test.ahead += MINUTE;
  t.equal(await tryLogIn('ana', PASSWORD), 'locked_out', 'two minutes now');
  test.ahead += MINUTE;
  t.equal(await tryLogIn('ana', PASSWORD), 'ok');
  for (let i = 0; i < 4; i += 1) t.equal(await tryLogIn('ana', 'wrong'), 'wrong_login');
  t.equal(await tryLogIn('ana', PASSWORD), 'ok', 'a success begins anew');
});

t.test('thirty tries at the same time get no more chances than one after the other', async (t) => {
  const codes = await Promise.all(Array.from({ length: 30 }, () => tryLogIn('ana', 'wrong')));
  t.equal(codes.filter((c) => c === 'wrong_login').length, 5);
  t.equal(codes.filter((c) => c === 'locked_out').length, 25);
});

t.test('an unknown user is treated as a known one', async (t) => {
  const codes: string[] = [];
  for (let i = 0; i < 6; i += 1) codes.push(await tryLogIn('nobody', 'wrong'));
  t.same(codes, [...Array(5).fill('wrong_login'), 'locked_out']);
});

t.test('many failures from one address lock it for all accounts; it forgives with time', async (t) => {
  await makeUser(root, 'rui');
  for (let i = 0; i < 45; i += 1) await tryLogIn(`guess${i}`, 'wrong');
  t.equal(await tryLogIn('rui', PASSWORD), 'locked_out');
  test.ahead += 2 * MINUTE;
  t.equal(await tryLogIn('rui', PASSWORD), 'ok');
  t.equal(await tryLogIn('rui', 'wrong'), 'wrong_login');
  t.equal(await tryLogIn('rui', PASSWORD), 'ok', 'one more failure is not a lock again');
});

t.test('an administrator sees who is locked, and unlocks', async (t) => {
  for (let i = 0; i < 5; i += 1) await tryLogIn('ana', 'wrong');
  t.ok((await root.call({ path: '/users/ana', answer: User })).lockedUntil);
  t.notOk((await root.call({ method: 'POST', path: '/users/ana/unlock', answer: User })).lockedUntil);
  t.equal(await tryLogIn('ana', PASSWORD), 'ok');
});

t.test('a session ends when it is not used for 12 hours; use prolongs it; at 7 days it ends anyway', async (t) => {
  const ana = await test.as('ana', { tunnelPublicKey: wireGuardKey() });
  test.ahead += 11 * HOUR;
  await ana.call({ path: '/desktops' });
  test.ahead += 11 * HOUR;
  await ana.call({ path: '/desktops' });
  t.equal(test.hosting.tunnels.size, 1);
  test.ahead += 12 * HOUR + MINUTE;
  t.equal((await refusal(ana.call({ path: '/desktops' }))).code, 'unauthorized');
  t.equal(test.hosting.tunnels.size, 0, 'its tunnel is down');
  const again = await test.as('ana');
  for (let hours = 0; hours < 7 * 24 - 8; hours += 8) {
    test.ahead += 8 * HOUR;
    await again.call({ path: '/desktops' });
  }
  test.ahead += 9 * HOUR;
  t.equal((await refusal(again.call({ path: '/desktops' }))).code, 'unauthorized');
});

t.test('sessions and their tunnels survive a restart; half-made ones do not', async (t) => {
  const ana = await test.as('ana', { tunnelPublicKey: wireGuardKey() });
  const address = test.hosting.tunnels.get(ana.session)?.address;
  test.hosting.failNext = new Error('the process is killed here');
  const body = { user: 'ana', password: PASSWORD, tunnelPublicKey: wireGuardKey() };
  const broken = await refusal(test.client().call({ method: 'POST', path: '/sessions', body }));
  t.equal(broken.code, 'internal', 'a bug is a bare 500');
  t.notMatch(broken.message, /killed/);
  await test.restart();
  t.same(
    test.hosting.recovered?.tunnels.map((x) => [x.sessionId, x.address]),
    [[ana.session, address]],
  );
  const client = test.client();
  client.token = ana.token;
  t.equal((await client.call({ path: '/sessions', answer: Type.Array(Session) })).length, 1);
});

t.test('one session for each PC: logging in again with the same key replaces the older one', async (t) => {
  const tunnelPublicKey = wireGuardKey();
  const first = await test.as('ana', { tunnelPublicKey });
  const others = await Promise.all([1, 2, 3].map(() => test.as('ana', { tunnelPublicKey })));
  t.equal((await refusal(first.call({ path: '/desktops' }))).code, 'unauthorized');
  t.equal(test.hosting.tunnels.size, 1);
  const answers = await Promise.allSettled(others.map((c) => c.call({ path: '/desktops' })));
  t.equal(answers.filter((a) => a.status === 'fulfilled').length, 1);
});

t.test('a PC that is silent for too long is logged out', async (t) => {
  const ana = await test.as('ana', { tunnelPublicKey: wireGuardKey() });
  test.hosting.tunnelDies(ana.session);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal((await refusal(ana.call({ path: '/desktops' }))).code, 'unauthorized');
});

t.test('a new password ends the other sessions; one’s own needs the old one', async (t) => {
  const here = await test.as('ana');
  const there = await test.as('ana');
  const change = (body: object) => here.call({ method: 'PUT', path: '/users/ana/password', body });
  t.equal((await refusal(change({ password: 'a new password' }))).code, 'bad_request');
  t.equal((await refusal(change({ password: 'a new password', currentPassword: 'no' }))).code, 'wrong_login');
  await change({ password: 'a new password', currentPassword: PASSWORD });
  t.equal((await refusal(there.call({ path: '/desktops' }))).code, 'unauthorized');
  await here.call({ path: '/desktops' });
  t.equal(await tryLogIn('ana', PASSWORD), 'wrong_login');
  t.equal(await tryLogIn('ana', 'a new password'), 'ok');
});

t.test('a role counts at once; the last administrator stays', async (t) => {
  await makeUser(root, 'boss', 'admin');
  const ana = await test.as('ana');
  const role = (name: string, wanted: string) =>
    root.call({ method: 'PATCH', path: `/users/${name}`, body: { role: wanted }, answer: User });
  t.equal((await refusal(role('boss', 'user'))).code, 'conflict');
  t.equal((await refusal(root.call({ method: 'DELETE', path: '/users/boss' }))).code, 'conflict');
  await role('ana', 'admin');
  await ana.call({ path: '/users' });
  await role('boss', 'user');
  t.equal((await refusal(role('ana', 'user'))).code, 'conflict');
});

t.test('deleting a user ends the sessions', async (t) => {
  const ana = await test.as('ana', { tunnelPublicKey: wireGuardKey() });
  await root.call({ method: 'DELETE', path: '/users/ana' });
  t.equal((await refusal(ana.call({ path: '/desktops' }))).code, 'unauthorized');
  t.equal(test.hosting.tunnels.size, 0);
});

t.test('what a kill left half made or half deleted is taken away at the next start', async (t) => {
  await makeImage(root, 'debian-1');
  const kept = await makeDesktop(root, 'kept', 'ana', 'debian-1');
  const half = await makeDesktop(root, 'half', 'ana', 'debian-1');
  test.hosting.failNext = new Error('the process is killed here');
  await refusal(root.call({ method: 'DELETE', path: `/desktops/${half.id}` }));
  t.ok(test.hosting.disks.has(half.id));
  await test.restart();
  t.notOk(test.hosting.disks.has(half.id));
  t.same(
    test.hosting.recovered?.desktops.map((d) => d.id),
    [kept.id],
  );
  const again = await test.root();
  t.ok(await makeDesktop(again, 'half', 'ana', 'debian-1'), 'its name is free');
});
