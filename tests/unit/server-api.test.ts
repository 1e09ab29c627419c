import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { Type } from 'typebox';
import { Image, Session, TunnelConfig, User, ViewerTicket } from '#common/protocol/client-server.ts';
import { Desktop } from '#common/protocol/desktop.ts';
import { HostingError } from '../../server/hosting.ts';
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

let test: TestServer;
t.beforeEach(async () => {
  test = await startTestServer();
});
t.afterEach(() => test.stop());

t.test('the set-up code makes the first administrator once, and is gone afterwards', async (t) => {
  const consoleFile = join(test.folder, 'run/console.txt');
  const code = /[A-Z0-9]{4}-[A-Z0-9]{4}/.exec(await readFile(consoleFile, 'utf8'))?.[0];
  const client = test.client();
  t.equal((await client.hello()).setupDone, false);
  const setup = (c: string) =>
    client.call({ method: 'POST', path: '/setup', body: { code: c, user: 'admin', password: PASSWORD }, answer: User });
  t.equal((await refusal(setup('AAAA-AAAA'))).code, 'forbidden');
  const admin = await setup(String(code).toLowerCase().replace('-', ' '));
  t.equal(admin.role, 'admin');
  t.equal((await refusal(setup(String(code)))).code, 'conflict');
  t.equal((await client.hello()).setupDone, true);
  t.notMatch(await readFile(consoleFile, 'utf8'), /Set-up code/);
  t.equal((await stat(consoleFile)).mode & 0o077, 0, 'only root reads the console text');
  await test.restart();
  t.notMatch(await readFile(consoleFile, 'utf8'), /Set-up code/);
});

t.test('wrong set-up codes lock the address they come from', async (t) => {
  const body = { code: 'AAAA-AAAA', user: 'admin', password: PASSWORD };
  const client = test.client();
  const codes: string[] = [];
  for (let i = 0; i < 45; i += 1)
    codes.push((await refusal(client.call({ method: 'POST', path: '/setup', body }))).code);
  t.equal(codes[0], 'forbidden');
  t.equal(codes.at(-1), 'locked_out');
});

t.test('a PC logs in, gets a tunnel, starts its desktop, gets a ticket, logs out', async (t) => {
  const root = await test.root();
  await makeUser(root, 'ana');
  await makeImage(root, 'debian-1');
  const desktop = await makeDesktop(root, 'ana-desk', 'ana', 'debian-1');
  const ana = await test.as('ana', { tunnelPublicKey: wireGuardKey() });
  const tunnel = test.hosting.tunnels.get(ana.session);
  t.ok(tunnel);
  const one = `/desktops/${desktop.id}`;
  t.same(await ana.call({ path: '/desktops', answer: Type.Array(Desktop) }), [desktop]);
  t.equal((await refusal(ana.call({ method: 'POST', path: `${one}/viewer` }))).code, 'conflict', 'not while it is off');
  await ana.call({ method: 'POST', path: `${one}/start`, answer: Desktop });
  const ticket = await ana.call({ method: 'POST', path: `${one}/viewer`, answer: ViewerTicket });
  t.equal(ticket.password, `for ${tunnel?.address}`, 'bound to the address of this tunnel');
  t.equal((await ana.call({ method: 'POST', path: `${one}/shut-down`, answer: Desktop })).state.kind, 'off');
  await ana.call({ method: 'DELETE', path: '/sessions/current' });
  t.equal(test.hosting.tunnels.size, 0);
  t.equal((await refusal(ana.call({ path: '/desktops' }))).code, 'unauthorized');
});

t.test('screens are only for sessions with a tunnel', async (t) => {
  const root = await test.root();
  await makeUser(root, 'ana');
  await makeImage(root, 'debian-1');
  const { id } = await makeDesktop(root, 'ana-desk', 'ana', 'debian-1');
  const ana = await test.as('ana');
  await ana.call({ method: 'POST', path: `/desktops/${id}/start` });
  for (const client of [ana, root]) {
    const error = await refusal(client.call({ method: 'POST', path: `/desktops/${id}/viewer` }));
    t.equal(error.code, 'conflict');
    t.match(error.message, /no tunnel/);
  }
});

t.test('two users never see each other: every route to an object of the other says that it is not there', async (t) => {
  const root = await test.root();
  await makeUser(root, 'ana');
  await makeUser(root, 'rui');
  await makeImage(root, 'debian-1');
  const { id } = await makeDesktop(root, 'ana-desk', 'ana', 'debian-1');
  await makeDesktop(root, 'rui-desk', 'rui', 'debian-1');
  const ana = await test.as('ana', { tunnelPublicKey: wireGuardKey() });
  const rui = await test.as('rui', { tunnelPublicKey: wireGuardKey() });
  const routes = [
    ['GET', `/desktops/${id}`],
    ['POST', `/desktops/${id}/start`],
    ['POST', `/desktops/${id}/shut-down`],
    ['POST', `/desktops/${id}/force-off`],
    ['POST', `/desktops/${id}/viewer`],
    ['DELETE', `/sessions/${ana.session}`],
    ['GET', '/users/ana'],
  ] as const;
  for (const [method, path] of routes) {
    const error = await refusal(rui.call({ method, path }));
    t.equal(error.status, 404, `${method} ${path}`);
    const absent = path.replace(id, '0123456789abcdef').replace(ana.session, '0123456789abcdef').replace(/ana$/, 'eva');
    const nothing = await refusal(rui.call({ method, path: absent }));
    t.equal(nothing.message.replace('eva', 'ana'), error.message, 'and the same as if there were none');
  }
  const password = { password: 'another password', currentPassword: PASSWORD };
  t.equal((await refusal(rui.call({ method: 'PUT', path: '/users/ana/password', body: password }))).status, 404);
  t.same(
    (await rui.call({ path: '/desktops', answer: Type.Array(Desktop) })).map((d) => d.name),
    ['rui-desk'],
  );
  t.same(
    (await rui.call({ path: '/sessions', answer: Type.Array(Session) })).map((s) => s.user),
    ['rui'],
  );
  for (const [method, path] of [
    ['GET', '/users'],
    ['GET', '/images'],
    ['GET', '/images/debian-1'],
    ['DELETE', `/desktops/${id}`],
    ['DELETE', '/images/debian-1'],
    ['DELETE', '/users/ana'],
    ['POST', '/users/ana/unlock'],
  ] as const) {
    t.equal((await refusal(rui.call({ method, path }))).code, 'forbidden', `${method} ${path} is for administrators`);
  }
  t.equal(test.hosting.tunnels.size, 2);
});

t.test('images: checked, never overwritten, not deleted while in use; a failed import leaves nothing', async (t) => {
  const root = await test.root();
  await makeUser(root, 'ana');
  const made = await makeImage(root, 'debian-1');
  t.equal((await refusal(makeImage(root, 'debian-1'))).code, 'conflict');
  const wrong = `/images?name=bad&firmware=bios&sha256=${'0'.repeat(64)}`;
  const upload = (path: string, data: Buffer) =>
    root.upload({ path, body: Readable.from([data]), bytes: data.length, answer: Image });
  t.equal((await refusal(upload(wrong, randomBytes(1000)))).code, 'bad_request');
  test.hosting.failNext = new HostingError('unavailable', 'no space left in the pool');
  const full = await refusal(upload(wrong, randomBytes(8_000_000)));
  t.equal(full.code, 'unavailable', 'a refusal in the middle of a large body arrives');
  t.match(full.message, /no space/);
  t.same(await root.call({ path: '/images', answer: Type.Array(Image) }), [made]);
  const { id } = await makeDesktop(root, 'ana-desk', 'ana', 'debian-1');
  t.match((await refusal(root.call({ method: 'DELETE', path: '/images/debian-1' }))).message, /ana-desk/);
  t.match((await refusal(root.call({ method: 'DELETE', path: '/users/ana' }))).message, /ana-desk/);
  await root.call({ method: 'DELETE', path: `/desktops/${id}` });
  await root.call({ method: 'DELETE', path: '/images/debian-1' });
  await root.call({ method: 'DELETE', path: '/users/ana' });
  t.same([...test.hosting.images, ...test.hosting.disks], []);
});

t.test('a desktop whose disk cannot be made leaves nothing', async (t) => {
  const root = await test.root();
  await makeUser(root, 'ana');
  await makeImage(root, 'debian-1');
  test.hosting.failNext = new HostingError('unavailable', 'no space left');
  t.equal((await refusal(makeDesktop(root, 'desk', 'ana', 'debian-1'))).status, 503);
  t.same(await root.call({ path: '/desktops', answer: Type.Array(Desktop) }), []);
  t.ok(await makeDesktop(root, 'desk', 'ana', 'debian-1'), 'and its name is free');
});

t.test('what is wrong with a request is told in words, with what is allowed', async (t) => {
  const root = await test.root();
  const said = async (body: unknown) => {
    const error = await refusal(root.call({ method: 'POST', path: '/users', body }));
    t.equal(error.status, 400);
    return error.message;
  };
  t.match(
    await said({ name: 'ana', password: PASSWORD, shoe: 42 }),
    /"shoe"; allowed: name, displayName, role, password/,
  );
  t.match(await said({ name: 'Ana', password: PASSWORD }), /"name".*a-z, 0-9 and -/);
  t.match(await said({ name: 'ana', password: PASSWORD, role: 'king' }), /"role".*"admin", "user"/);
  t.match(await said({ name: 'ana' }), /lacks the key "password"/);
  t.notMatch(await said({ name: 'ana', password: 'short' }), /short/, 'and never with a password in it');
});

t.test('root’s own token file is readable by root only, and dies with the process', async (t) => {
  const path = join(test.folder, 'run/admin.json');
  t.equal((await stat(path)).mode & 0o777, 0o600);
  const { token } = JSON.parse(await readFile(path, 'utf8'));
  await test.restart();
  const client = test.client();
  client.token = token;
  t.equal((await refusal(client.call({ path: '/users' }))).code, 'unauthorized');
  t.same(await (await test.root()).call({ path: '/users', answer: Type.Array(User) }), []);
});

t.test('passwords and tokens are neither in the log nor in the database', async (t) => {
  const root = await test.root();
  await makeUser(root, 'ana');
  const ana = await test.as('ana', { tunnelPublicKey: wireGuardKey() });
  await refusal(ana.call({ path: '/users' }));
  await test.as('ana');
  const stored = await Promise.all(
    ['', '-wal'].map((end) => readFile(join(test.folder, `state/flexdeploy.sqlite${end}`), 'latin1')),
  );
  for (const secret of [PASSWORD, String(ana.token), String(root.token)]) {
    t.notOk(test.log.join('\n').includes(secret));
    t.notOk(stored.join('\n').includes(secret));
  }
});

t.test('a tunnel is in the answer to a log-in', async (t) => {
  const root = await test.root();
  await makeUser(root, 'ana');
  const body = { user: ' Ana ', password: PASSWORD, tunnelPublicKey: wireGuardKey() };
  const answer = Type.Object({ tunnel: TunnelConfig });
  const { tunnel } = await test.client().call({ method: 'POST', path: '/sessions', body, answer });
  t.equal(tunnel.serverAddress, '10.86.0.1');
});
