import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parseCaPin } from '#common/http/ca-pin.ts';
import { PinnedClient } from '#common/http/pinned-client.ts';
import { formatServerAddress, parseServerAddress } from '#common/http/server-address.ts';
import { ensureCertificates } from '../../server/certificates.ts';
import { linkFailure, refusal } from './server/expect.ts';
import { startTestServer } from './server/start.ts';

const NO_CA = `sha256:${'0'.repeat(64)}`;

async function portOf(t: { teardown(done: () => void): void }, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  return (server.address() as AddressInfo).port;
}

t.test('the right CA is trusted, by fingerprint in any spelling or as PEM; another one is not', async (t) => {
  const test = await startTestServer();
  t.teardown(() => test.stop());
  const { port, caFingerprint } = test.server;
  const server = `127.0.0.1:${port}`;
  const hex = caFingerprint.slice('sha256:'.length);
  const pem = (await ensureCertificates(join(test.folder, 'state/certificates'), Date.now())).ca;
  for (const ca of [caFingerprint, `SHA256:${hex.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:')}`, pem]) {
    const client = new PinnedClient({ server, ca });
    t.equal((await client.hello()).product, 'flexdeploy');
    client.close();
  }
  const other = await mkdtemp(join(tmpdir(), 'flexdeploy-ca-'));
  t.teardown(() => rm(other, { recursive: true }));
  const otherPem = (await ensureCertificates(other, Date.now())).ca;
  for (const ca of [NO_CA, otherPem]) {
    const failure = await linkFailure(new PinnedClient({ server, ca }).hello());
    t.match(failure, { kind: 'wrongCertificate', found: caFingerprint });
  }
});

t.test('a certificate of the right CA for another name is not the server', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-ca-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const mine = await ensureCertificates(folder, Date.now());
  // The CA's own certificate and key: signed by the right CA, but not for flexdeploy-server.
  const key = await readFile(join(folder, 'ca.key'), 'utf8');
  const port = await portOf(
    t,
    createHttpsServer({ key, cert: mine.ca }, (_q, r) => r.end('{}')),
  );
  const client = new PinnedClient({ server: `127.0.0.1:${port}`, ca: mine.caFingerprint });
  t.equal((await linkFailure(client.hello())).kind, 'wrongCertificate');
});

t.test('each way of having no server has its name', async (t) => {
  const at = (server: string) => new PinnedClient({ server, ca: NO_CA, connectTimeoutMs: 300 }).hello();
  t.equal((await linkFailure(at('no-such-name.invalid'))).kind, 'nameNotFound');
  t.match(await linkFailure(at('127.0.0.1:1')), { kind: 'unreachable', detail: /refused/ });
  const silent = await portOf(
    t,
    createTcpServer(() => {}),
  );
  t.match(await linkFailure(at(`127.0.0.1:${silent}`)), { kind: 'unreachable', detail: /no answer/ });
  const plain = await portOf(
    t,
    createServer((_q, r) => r.end('hello')),
  );
  t.equal((await linkFailure(at(`127.0.0.1:${plain}`))).kind, 'notFlexDeploy');
});

t.test('another HTTPS server with the right certificate is not FlexDeploy', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-ca-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const { key, cert, caFingerprint } = await ensureCertificates(folder, Date.now());
  for (const [status, body] of [
    [200, '<html>'],
    [200, '{"product":"other"}'],
    [502, 'Bad Gateway'],
    [404, '{"error":"nope"}'],
  ] as const) {
    const port = await portOf(
      t,
      createHttpsServer({ key, cert }, (_q, r) => r.writeHead(status).end(body)),
    );
    const client = new PinnedClient({ server: `127.0.0.1:${port}`, ca: caFingerprint });
    t.equal((await linkFailure(client.hello())).kind, 'notFlexDeploy', `${status} ${body}`);
    client.close();
  }
});

t.test('a client goes on when the server was restarted on the same port, and can be aborted', async (t) => {
  const test = await startTestServer();
  t.teardown(() => test.stop());
  const client = test.client();
  await client.hello();
  await t.rejects(client.hello(AbortSignal.abort(new Error('no more'))), { message: 'no more' });
  t.equal((await refusal(client.call({ path: '/nothing' }))).status, 404);
});

t.test('certificates: kept over restarts; the server’s own is renewed in time by the same CA', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-ca-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const now = Date.now();
  const year = 365.25 * 24 * 3600_000;
  const first = await ensureCertificates(folder, now);
  t.same(await ensureCertificates(folder, now + year), first);
  const later = await ensureCertificates(folder, now + 1.9 * year);
  t.equal(later.caFingerprint, first.caFingerprint);
  t.not(later.key, first.key);
  t.same(await ensureCertificates(folder, now + 1.9 * year), later);
});

t.test('addresses of servers are read as people write them', async (t) => {
  t.same(parseServerAddress('server.example.org'), { host: 'server.example.org', port: 443 });
  t.same(parseServerAddress('192.168.1.20:8443'), { host: '192.168.1.20', port: 8443 });
  t.same(parseServerAddress('[fd00::1]:8443'), { host: 'fd00::1', port: 8443 });
  t.equal(formatServerAddress({ host: 'fd00::1', port: 443 }), '[fd00::1]');
  for (const wrong of ['', 'a b', 'https://x', 'x:0', 'x:99999', 'fd00::1']) t.throws(() => parseServerAddress(wrong));
  for (const wrong of ['', 'sha256:12', 'md5:00', '-----BEGIN CERTIFICATE-----\nx']) t.throws(() => parseCaPin(wrong));
});
