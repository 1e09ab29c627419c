import t from 'tap';
import { openEventStream } from '#common/http/event-stream.ts';
import { ApiError, LinkError, type PinnedClient } from '#common/http/pinned-client.ts';
import type { ServerEvent } from '#common/protocol/client-server.ts';
import { makeDesktop, makeImage, makeUser, startTestServer, type TestServer, wireGuardKey } from './server/start.ts';
import { until } from './until.ts';

let test: TestServer;
t.beforeEach(async () => {
  test = await startTestServer();
  const root = await test.root();
  await makeUser(root, 'ana');
  await makeUser(root, 'rui');
  await makeImage(root, 'debian-1');
});
t.afterEach(() => test.stop());

function listen(client: PinnedClient) {
  const events: ServerEvent[] = [];
  const ends: (ApiError | LinkError | undefined)[] = [];
  const stream = openEventStream(client, { onEvent: (e) => events.push(e), onEnd: (e) => ends.push(e) });
  return { events, ends, stream };
}

t.test('a person hears first the list, then what happens to their desktops, and nothing of others', async (t) => {
  const root = await test.root();
  const mine = await makeDesktop(root, 'ana-desk', 'ana', 'debian-1');
  const { events, ends, stream } = listen(await test.as('ana'));
  await until(() => events.length === 1);
  t.same(events[0], { type: 'desktops', desktops: [mine] });
  await makeDesktop(root, 'rui-desk', 'rui', 'debian-1');
  await root.call({ method: 'POST', path: `/desktops/${mine.id}/start` });
  await root.call({ method: 'DELETE', path: `/desktops/${mine.id}` });
  await until(() => events.some((e) => e.type === 'desktopRemoved'));
  t.match(events[1], { type: 'desktop', desktop: { id: mine.id, state: { kind: 'running' } } });
  t.same(events.at(-1), { type: 'desktopRemoved', id: mine.id });
  t.notMatch(JSON.stringify(events), /rui/);
  stream.close();
  t.same(ends, [undefined]);
});

t.test('the end of a session is told with its reason, and a new stream is refused', async (t) => {
  const root = await test.root();
  const tunnelPublicKey = wireGuardKey();
  const told = async (end: (session: string) => Promise<unknown> | unknown) => {
    const ana = await test.as('ana', { tunnelPublicKey });
    const { events, ends } = listen(ana);
    await until(() => events.length === 1);
    await end(ana.session);
    await until(() => ends.length === 1);
    const again = listen(ana);
    await until(() => again.ends.length === 1);
    t.ok(again.ends[0] instanceof ApiError && again.ends[0].code === 'unauthorized');
    const last = events.at(-1);
    return last?.type === 'sessionEnded' ? last.reason : last;
  };
  t.equal(await told((id) => root.call({ method: 'DELETE', path: `/sessions/${id}` })), 'revoked');
  t.equal(await told(() => test.as('ana', { tunnelPublicKey })), 'replaced');
  t.equal(await told((id) => test.hosting.tunnelDies(id)), 'expired');
});

t.test('when the server goes away the stream ends with a link error', async (t) => {
  const { events, ends } = listen(await test.as('ana'));
  await until(() => events.length === 1);
  await test.restart();
  await until(() => ends.length === 1);
  t.ok(ends[0] instanceof LinkError);
});

t.test('without a token there is no stream', async (t) => {
  const { ends } = listen(test.client());
  await until(() => ends.length === 1);
  t.ok(ends[0] instanceof ApiError && ends[0].status === 401);
});
