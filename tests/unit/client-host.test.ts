/** The runtime of a PC that keeps a desktop: its server is real, its own hosting is written down. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Desktop } from '#common/protocol/desktop.ts';
import { NOTHING_HERE } from '../../client-runtime/facts.ts';
import { type Pc, pc, type Teardown } from './client/pc.ts';
import { makeDesktop, makeImage, makeUser, startTestServer } from './server/start.ts';

const DISK = { serial: 'S1', wwn: '', model: 'Disk', bytes: 100 };

const server = await startTestServer();
t.teardown(() => server.stop());
const root = await server.root();
await makeUser(root, 'maria');
await makeImage(root, 'debian');
const { id } = await makeDesktop(root, 'blue', 'maria', 'debian');

function here(t: Teardown): Pc {
  return pc(t, `127.0.0.1:${server.server.port}`, server.server.caFingerprint);
}

/** As if the server had told it. */
function tell(client: Pc, more: Partial<Desktop>): void {
  const desktop = client.runtime.facts.session?.desktops?.find((d) => d.id === id);
  if (!desktop) throw new Error('no desktop');
  const { holder: _, attachment: __, move: ___, ...rest } = desktop;
  client.runtime.desktopIs({ ...rest, ...more });
}

function held(client: Pc): Pick<Desktop, 'holder' | 'attachment'> {
  const pc = { uuid: client.runtime.facts.session?.login.pc ?? '', name: 'lab-7' };
  const since = new Date().toISOString();
  return {
    holder: { pc, since, generation: 1, reachable: true },
    attachment: { pc, disk: DISK, state: { kind: 'inSync' }, complete: true, localHost: { possible: true } },
  };
}

function runs(client: Pc): void {
  client.runtime.hereIs({ desktop: id, machine: 'running', link: { connected: true, since: Date.now() } });
}

/** In use, on this PC. */
async function inUseHere(t: Teardown): Promise<Pc> {
  const client = here(t);
  await client.logIn();
  await client.use();
  runs(client);
  tell(client, held(client));
  await client.waitFor('the local picture', () => client.pictures.at(-1) === 'open 127.0.0.1');
  client.runtime.shellSays({ event: 'firstFrame' });
  return client;
}

t.test('the picture follows the desktop to the PC and back, without the list in between', async (t) => {
  const client = here(t);
  await client.logIn();
  await client.use();
  t.ok(client.hosted.includes('connect'), 'the PC is offered to the server with the tunnel');
  const shownBefore = client.screens.length;
  const from = Date.now();
  runs(client);
  tell(client, held(client));
  await client.waitFor('the local picture', () => client.pictures.at(-1) === 'open 127.0.0.1');
  t.ok(Date.now() - from < 500, `within ${Date.now() - from} ms`);
  client.runtime.shellSays({ event: 'firstFrame' });
  t.match(client.runtime.facts.viewer, { kind: 'shown', place: 'here' });
  client.runtime.hereIs(NOTHING_HERE);
  tell(client, {});
  await client.waitFor('the picture of the server', () => client.pictures.at(-1) === 'open 10.86.0.1');
  client.runtime.shellSays({ event: 'firstFrame' });
  t.same(client.pictures, ['open 10.86.0.1', 'open 127.0.0.1', 'open 10.86.0.1'], 'nothing was closed in between');
  t.ok(
    client.screens.slice(shownBefore).every((s) => s.kind === 'inUse'),
    'nothing else was on the page',
  );
});

t.test('the picture of the server ends before the news of the hand-over comes', async (t) => {
  const client = here(t);
  await client.logIn();
  await client.use();
  const since = new Date().toISOString();
  tell(client, { ...held(client), move: { to: 'pc', since, phase: 'switchingOver', percent: 100 } });
  client.runtime.facts.viewer = {
    ...client.runtime.facts.viewer,
    place: 'server',
  } as typeof client.runtime.facts.viewer;
  client.runtime.shellSays({ event: 'viewerClosed', reason: 'disconnected' });
  await sleep(50);
  t.equal(client.screen.kind, 'inUse', 'the last picture stays');
  runs(client);
  tell(client, held(client));
  await client.waitFor('the local picture', () => client.pictures.at(-1) === 'open 127.0.0.1');
  t.notOk(client.pictures.includes('closeViewer'));
});

t.test('the server goes away under a desktop that runs here', async (t) => {
  const client = await inUseHere(t);
  client.runtime.serverFailed({ kind: 'unreachable', host: 'server', detail: 'gone' });
  client.runtime.eventsClosed();
  await sleep(50);
  t.equal(client.screen.kind, 'inUse');
  const tab = client.shell.findLast((c) => c.do === 'setTab');
  t.match(tab, { notice: /^Server not reachable since/ });
  client.runtime.shellSays({ event: 'viewerClosed', reason: 'back' });
  t.match(await client.until('serverLost'), { here: { id, name: 'blue' } });
  client.runtime.command({ do: 'openDesktop', id });
  await client.waitFor(
    'the local picture again',
    () => client.pictures.filter((p) => p === 'open 127.0.0.1').length === 2,
  );
});

t.test('leaving: the server refuses, the person stays, and then leaves nevertheless', async (t) => {
  const client = await inUseHere(t);
  client.runtime.shellSays({ event: 'viewerClosed', reason: 'back' });
  await client.until('desktops');
  client.runtime.command({ do: 'powerOff' });
  const asking = await client.until('leaving', (s) => s.step.kind === 'asking');
  t.match(
    asking,
    { desktop: 'blue', action: 'powerOff', step: { why: { kind: 'told' } } },
    'the server knows of no holder',
  );
  client.runtime.command({ do: 'stay' });
  await client.until('desktops');
  t.same(client.done.includes('powerOff'), false);
  client.runtime.command({ do: 'powerOff' });
  await client.until('leaving', (s) => s.step.kind === 'asking');
  client.runtime.command({ do: 'leaveAnyway' });
  await client.waitFor('power off', () => client.done.includes('powerOff'));
  t.ok(client.hosted.includes('shut down'), 'the desktop was shut down first');
  t.ok(client.hosted.lastIndexOf('disconnect') > client.hosted.indexOf('shut down'));
});

t.test('a disk is chosen from the tab, and the desktop is opened again', async (t) => {
  const client = here(t);
  await client.logIn();
  await client.use();
  client.runtime.outside.listDisks = async (bytes) => {
    t.ok(bytes > 0);
    const contents = { table: '', systems: [], partitions: [] };
    const disk = { disk: DISK, name: 'sda', contents };
    return [disk, { ...disk, disk: { ...DISK, serial: 'S2' }, reason: { kind: 'removable' } }];
  };
  runs(client);
  client.runtime.hereIs({ ...NOTHING_HERE, link: { connected: true, since: 0 } });
  client.runtime.shellSays({ event: 'tabAction', name: 'keepCopy' });
  await client.until('disks', (s) => s.disks !== undefined);
  t.equal(client.pictures.at(-1), 'closeViewer');
  client.runtime.command({ do: 'keepCopy', id, disk: { ...DISK, serial: 'S2' } });
  client.runtime.command({ do: 'keepCopy', id, disk: { ...DISK, serial: 'S3' } });
  t.notMatch(client.hosted.join(), /confirmed/, 'what was not offered cannot be confirmed');
  client.runtime.command({ do: 'keepCopy', id, disk: DISK });
  t.ok(client.hosted.includes(`confirmed ${id} S1`), 'the guard knows before the server is asked');
  const refused = await client.until('disks', (s) => s.problem !== undefined);
  t.match(refused, { busy: false, problem: /PC|disk/ }, 'this PC told the server of no such disk');
  client.runtime.command({ do: 'workRemotely' });
  await client.waitFor('the picture again', () => client.pictures.at(-1) === 'open 10.86.0.1');
  client.runtime.command({ do: 'logOut' });
  await client.waitFor('confirmations forgotten', () => client.hosted.at(-1) === 'forget');
});

t.test('its own picture that was just left is not somebody elsewhere', async (t) => {
  const client = here(t);
  await client.logIn();
  await client.use();
  const since = new Date().toISOString();
  server.hosting.setState(id, { kind: 'running', since, viewers: 1 });
  await sleep(100);
  client.runtime.shellSays({ event: 'viewerClosed', reason: 'back' });
  const seen = await client.until('desktops');
  t.match(seen.desktops[0]?.state, { kind: 'running', viewers: 0 });
});
