import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import t from 'tap';
import { ensureCertificates } from '../../server/certificates.ts';
import { startServer } from '../../server/server.ts';
import { pc, type Teardown } from './client/pc.ts';
import { MemoryHosting } from './server/memory-hosting.ts';
import { makeDesktop, makeImage, makeUser, startTestServer, type TestServer } from './server/start.ts';

async function listening(t: Teardown, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const NO_CA = `sha256:${'00'.repeat(32)}`;

t.test('why there is no server', async (t) => {
  t.test('nothing configured', async (t) => {
    t.match(await pc(t, undefined, NO_CA).until('noServer'), { problem: { kind: 'noServerConfigured' } });
  });
  t.test('nothing listens there', async (t) => {
    const server = createTcpServer();
    const address = await listening(t, server);
    await new Promise((resolve) => server.close(resolve));
    const client = pc(t, address, NO_CA);
    const screen = await client.until('noServer');
    t.match(screen.problem, { kind: 'unreachable', host: address, detail: /refused/ });
    t.ok(screen.nextTryAt > Date.now() - 100, 'the next attempt is announced');
    const first = screen.nextTryAt;
    await client.until('noServer', (s) => s.nextTryAt > first);
    t.pass('it tries again by itself');
    client.runtime.command({ do: 'retryNow' });
    await client.waitFor('another try', () => client.log.filter((l) => l.includes('contactServer')).length >= 3);
  });
  t.test('silence', async (t) => {
    const address = await listening(
      t,
      createTcpServer(() => {}),
    );
    t.match(await pc(t, address, NO_CA).until('noServer'), { problem: { kind: 'unreachable', detail: /no answer/ } });
  });
  t.test('a name that does not exist', async (t) => {
    t.match(await pc(t, 'no-such-host.invalid', NO_CA).until('noServer'), { problem: { kind: 'nameNotFound' } });
  });
  t.test('no TLS there', async (t) => {
    const address = await listening(
      t,
      createHttpServer((_, response) => response.end('hello')),
    );
    t.match(await pc(t, address, NO_CA).until('noServer'), { problem: { kind: 'notFlexDeploy' } });
  });
});

t.test('with a real server', async (t) => {
  const server: TestServer = await startTestServer();
  t.teardown(() => server.stop());
  let root = await server.root();
  await makeUser(root, 'maria');
  await makeImage(root, 'debian');
  const { id } = await makeDesktop(root, 'blue', 'maria', 'debian');
  const address = () => `127.0.0.1:${server.server.port}`;
  const here = (t: Teardown) => pc(t, address(), server.server.caFingerprint);

  t.test('another certificate than the pinned one', async (t) => {
    const { problem } = await pc(t, address(), NO_CA).until('noServer');
    t.same(problem, {
      kind: 'wrongCertificate',
      host: address(),
      expected: NO_CA,
      found: server.server.caFingerprint,
    });
  });

  t.test('some other HTTPS server with the right certificate', async (t) => {
    const certificates = await ensureCertificates(`${server.folder}/other`, Date.now());
    const other = createHttpsServer({ key: certificates.key, cert: certificates.cert }, (_, response) =>
      response.end('<h1>It works!</h1>'),
    );
    const where = await listening(t, other);
    const { problem } = await pc(t, where, certificates.caFingerprint).until('noServer');
    t.match(problem, { kind: 'notFlexDeploy', host: where, detail: /not JSON/ });
  });

  t.test('a wrong password, then the right one', async (t) => {
    const client = here(t);
    await client.logIn('maria', 'wrong');
    t.match(await client.until('login', (s) => s.problem !== undefined), { problem: { kind: 'wrongLogin' } });
    await client.logIn();
    t.match(await client.until('desktops'), { userName: /maria/i, desktops: [{ name: 'blue' }] });
    t.match(client.tunnel, { address: /^10\.86\./ }, 'the tunnel is up');
    t.notMatch(client.log.join(''), /correct horse/, 'no password in the log');
    client.runtime.command({ do: 'logOut' });
    await client.until('login', (s) => !s.busy);
    await client.waitFor('tunnel down', () => client.tunnel === undefined);
    t.equal(server.hosting.tunnels.size, 0, 'and gone on the server too');
  });

  t.test('from the list to a picture, and back', async (t) => {
    const client = here(t);
    await client.logIn();
    await client.use();
    t.match(
      client.shell.filter((c) => c.do !== 'setTab'),
      [{ do: 'openViewer', host: '10.86.0.1', title: 'blue', backLabel: 'Back to my desktops' }],
    );
    t.same(client.done, ['first frame']);
    t.notMatch(client.log.join(''), /for 10\.86/, 'no ticket in the log');
    client.runtime.shellSays({ event: 'viewerClosed', reason: 'back' });
    t.equal((await client.until('desktops')).notice, undefined, 'leaving needs no words');
    t.equal(server.hosting.desktopState(id).kind, 'running', 'and the desktop goes on');
  });

  t.test('the person shuts the desktop down inside it', async (t) => {
    const client = here(t);
    await client.logIn();
    await client.use();
    client.runtime.shellSays({ event: 'viewerClosed', reason: 'disconnected' });
    await sleep(200); // the screen closes first, the news comes later
    server.hosting.setState(id, { kind: 'off' });
    t.match(await client.until('desktops'), { notice: { kind: 'desktopShutDown', desktop: 'blue' } });
    client.runtime.command({ do: 'dismissNotice' });
    t.equal((await client.until('desktops')).notice, undefined);
  });

  t.test('the desktop crashes', async (t) => {
    const client = here(t);
    await client.logIn();
    await client.use();
    const at = new Date().toISOString();
    server.hosting.setState(id, { kind: 'failed', at, reason: 'QEMU was killed' });
    client.runtime.shellSays({ event: 'viewerClosed', reason: 'disconnected' });
    t.match(await client.until('desktops'), { notice: { kind: 'desktopFailed', reason: 'QEMU was killed' } });
    server.hosting.setState(id, { kind: 'off' });
  });

  t.test('only the picture breaks: it is opened again', async (t) => {
    const client = here(t);
    await client.logIn();
    await client.use();
    client.runtime.shellSays({ event: 'viewerClosed', reason: 'disconnected' });
    t.equal(client.screen.kind, 'inUse', 'for a moment it may only be moving');
    await client.until('opening');
    await client.picture();
    t.equal(client.shell.filter((c) => c.do === 'openViewer').length, 2, 'with a new ticket');
  });

  t.test('a screen that never comes is given up, with the reason', async (t) => {
    const client = here(t);
    await client.logIn();
    const { desktops } = await client.until('desktops');
    client.runtime.command({ do: 'openDesktop', id: desktops[0]?.id ?? '' });
    for (let n = 0; n < 5; n++) {
      await client.waitFor('a viewer', () => client.runtime.facts.viewer.kind === 'opening');
      client.runtime.shellSays({ event: 'viewerClosed', reason: 'wrongTicket' });
      if (client.runtime.wanted.desktop) client.runtime.wanted.desktop.retryAt = 0; // time passes
    }
    t.match(await client.until('desktops'), { notice: { kind: 'couldNotOpen', reason: /did not accept the ticket/ } });
  });

  t.test('opening is called off', async (t) => {
    const client = here(t);
    await client.logIn();
    const { desktops } = await client.until('desktops');
    client.runtime.command({ do: 'openDesktop', id: desktops[0]?.id ?? '' });
    await client.waitFor('a viewer', () => client.runtime.facts.viewer.kind === 'opening');
    client.runtime.command({ do: 'cancelOpening' });
    await client.until('desktops');
    await client.waitFor('closeViewer', () => client.shell.findLast((c) => c.do !== 'setTab')?.do === 'closeViewer');
  });

  t.test('a desktop is shut down from the list', async (t) => {
    const client = here(t);
    await client.logIn();
    await client.until('desktops', (s) => s.desktops[0]?.state.kind === 'running');
    client.runtime.command({ do: 'shutDownDesktop', id });
    await client.until('desktops', (s) => s.desktops[0]?.state.kind === 'off');
  });

  t.test('the session is revoked while a desktop is in use', async (t) => {
    const client = here(t);
    await client.logIn();
    await client.use();
    const session = client.runtime.facts.session?.login.session;
    await root.call({ method: 'DELETE', path: `/sessions/${session}` });
    t.match(await client.until('login'), { problem: { kind: 'sessionEnded', reason: 'revoked' } });
    await client.waitFor('closeViewer', () => client.shell.findLast((c) => c.do !== 'setTab')?.do === 'closeViewer');
    await client.waitFor('tunnel down', () => client.tunnel === undefined);
  });

  t.test('the server restarts under a desktop in use', async (t) => {
    const client = pc(t, address(), server.server.caFingerprint);
    await client.logIn();
    await client.use();
    const port = server.server.port;
    await server.server.close();
    await client.waitFor('noticed', () => client.runtime.facts.session?.events === 'closed');
    t.equal(client.screen.kind, 'inUse', 'the picture stays while it lives');
    client.runtime.shellSays({ event: 'viewerClosed', reason: 'disconnected' });
    t.match(await client.until('serverLost'), { desktop: 'blue', problem: { kind: 'unreachable' } });
    await powerCut(server, port);
    client.runtime.command({ do: 'retryNow' });
    await client.picture();
    t.equal(server.hosting.desktopState(id).kind, 'running', 'started and shown again, without a log-in');
    root = await server.root();
  });

  t.test('a session that expired while the server was away', async (t) => {
    const client = here(t);
    await client.logIn();
    await client.until('desktops');
    const { session } = client.runtime.facts;
    if (session) session.login.expiresAt = new Date(0).toISOString();
    await root.call({ method: 'DELETE', path: `/sessions/${session?.login.session}` });
    await client.until('login', (s) => s.problem?.kind === 'sessionEnded');
  });

  t.test('too many wrong log-ins lock out, and the end of that is told', async (t) => {
    await makeUser(root, 'paul');
    const client = here(t);
    for (let n = 0; n < 30; n++) {
      await client.logIn('paul', 'wrong');
      const { problem } = await client.until('login', (s) => s.problem !== undefined);
      if (problem?.kind !== 'lockedOut') continue;
      t.ok(problem.until > Date.now(), 'until when');
      return;
    }
    t.fail('never locked out');
  });

  t.test('settings and power', async (t) => {
    const client = here(t);
    await client.until('login');
    client.runtime.command({ do: 'setLanguage', language: 'pt' });
    client.runtime.command({ do: 'setKeyboard', keyboard: 'pt' });
    client.runtime.command({ do: 'setKeyboard', keyboard: '../../etc/passwd' });
    t.match(client.runtime.state, { language: 'pt', keyboard: 'pt' });
    client.runtime.command({ do: 'powerOff' });
    await client.until('goingDown');
    await client.waitFor('power off', () => client.done.includes('powerOff'));
    t.same(client.done, ['keyboard pt', 'powerOff']);
  });
});

/** The same server again on the same port, with its state; what ran on it does not run any more. */
async function powerCut(test: TestServer, port: number): Promise<void> {
  const hosting = new MemoryHosting();
  const server = await startServer({
    stateFolder: `${test.folder}/state`,
    runtimeFolder: `${test.folder}/run`,
    host: '127.0.0.1',
    port,
    version: '0.1.0',
    hosting,
    log: pino({ level: 'silent' }),
  });
  Object.assign(test, { server, hosting });
}
