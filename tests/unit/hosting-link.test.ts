import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { type WebSocket, WebSocketServer } from 'ws';
import { UserError } from '#common/errors.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import { PinnedClient } from '#common/http/pinned-client.ts';
import type { HostReply } from '#common/protocol/host-link.ts';
import { HostLink } from '../../client-runtime/hosting/link.ts';
import { ensureCertificates } from '../../server/certificates.ts';
import { until } from './until.ts';

const ID = '0123456789abcdef';

t.test('a call is checked, done and answered', async (t) => {
  const { calls, ask } = await linked(t);
  t.strictSame(await ask({ id: 1, call: 'configure', args: { desktop: ID, resource: 'text' } }), { id: 1, answer: {} });
  t.strictSame(calls, [{ call: 'configure', args: { desktop: ID, resource: 'text' } }]);
  t.match(await ask({ id: 2, call: 'configure', args: { desktop: 'nobody', resource: 'text' } }), {
    id: 2,
    error: { message: /^configure: \/desktop / },
  });
  t.match(await ask({ id: 3, call: 'toString', args: {} }), { id: 3, error: { message: /does not know/ } });
  t.equal(calls.length, 1);
});

t.test('a refusal comes back with its hint', async (t) => {
  const { ask } = await linked(t);
  t.strictSame(await ask({ id: 7, call: 'detach', args: { desktop: ID, save: true } }), {
    id: 7,
    error: { message: 'it is in use', hint: 'Shut it down.' },
  });
});

t.test('calls are answered in any order', async (t) => {
  const { server, replies } = await linked(t);
  server.send(JSON.stringify({ id: 1, call: 'takeBack', args: { desktop: ID } })); // takes 200 ms
  server.send(JSON.stringify({ id: 2, call: 'letRun', args: { desktop: ID, generation: 3 } }));
  await until(() => replies.length === 2);
  t.strictSame(
    replies.map((r) => 'id' in r && r.id),
    [2, 1],
  );
});

t.test('after a cut it connects again, and says so', async (t) => {
  const { server, states, wss, link } = await linked(t);
  server.terminate();
  const [again] = (await once(wss, 'connection')) as [WebSocket];
  await until(() => link.connected);
  t.strictSame(states, [true, false, true]);
  const heard = once(again, 'message');
  link.tell({ notice: 'machine', desktop: ID, state: { kind: 'none' } });
  t.match(String((await heard)[0]), /"notice":"machine"/);
});

t.test('closed by us it stays closed', async (t) => {
  const { link, states, wss } = await linked(t);
  link.close();
  t.strictSame(states, [true, false]);
  await sleep(800);
  t.notOk(link.connected);
  await until(() => [...wss.clients].every((c) => c.readyState !== c.OPEN));
});

t.test('whatever comes, the link lives and nothing is called', async (t) => {
  const { server, calls, ask } = await linked(t);
  for (const text of fc.sample(fc.oneof(fc.string(), fc.json()), 300)) server.send(text);
  for (const args of fc.sample(fc.jsonValue(), 100)) server.send(JSON.stringify({ id: 5, call: 'attach', args }));
  t.match(await ask({ id: 9, call: 'inspect', args: {} }), { id: 9, answer: {} });
  t.strictSame(calls, [{ call: 'inspect', args: {} }]);
});

/** A link to a server that is only a socket. */
async function linked(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-link-'));
  const { key, cert, caFingerprint } = await ensureCertificates(folder, Date.now());
  const https = createServer({ key, cert });
  const wss = new WebSocketServer({ server: https, path: '/api/v1/host' });
  https.listen(0, '127.0.0.1');
  await once(https, 'listening');
  const { port } = https.address() as AddressInfo;
  const client = new PinnedClient({ server: `127.0.0.1:${port}`, ca: caFingerprint, token: 'secret' });
  const calls: { call: string; args: unknown }[] = [];
  const states: boolean[] = [];
  const connected = once(wss, 'connection');
  const link = new HostLink({
    client,
    host: fakeHost(calls),
    log: pino({ level: 'silent' }),
    onConnected: (c) => void states.push(c),
  });
  const [server] = (await connected) as [WebSocket];
  await until(() => link.connected);
  const replies: HostReply[] = [];
  server.on('message', (data) => void replies.push(JSON.parse(String(data))));
  const ask = async (request: { id: number; call: string; args: unknown }) => {
    server.send(JSON.stringify(request));
    await until(() => replies.some((r) => 'id' in r && r.id === request.id));
    return replies.find((r) => 'id' in r && r.id === request.id);
  };
  t.teardown(async () => {
    link.close();
    client.close();
    for (const socket of wss.clients) socket.terminate();
    wss.close();
    https.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { link, wss, server, states, calls, replies, ask };
}

function fakeHost(calls: { call: string; args: unknown }[]): DesktopHost {
  return new Proxy({} as DesktopHost, {
    get: (_, call: string) => async (args: unknown) => {
      calls.push({ call, args });
      if (call === 'takeBack') await sleep(200);
      if (call === 'detach') throw new UserError('it is in use', { hint: 'Shut it down.' });
      return {};
    },
  });
}
