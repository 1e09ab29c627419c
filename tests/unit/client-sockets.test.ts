import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import WebSocket from 'ws';
import { LocalServer } from '../../client-runtime/kiosk/local-server.ts';
import type { KioskCommand, KioskState, ShellEvent } from '../../client-runtime/kiosk/protocol.ts';
import { ShellSocket } from '../../client-runtime/kiosk/shell-socket.ts';

const STATE: KioskState = {
  pcName: 'lab-7',
  addresses: [],
  version: '0.1.0',
  language: 'en',
  keyboard: 'us',
  keyboards: ['us'],
  configProblems: [],
  screen: { kind: 'starting' },
};

interface Harness {
  path: string;
  socket: ShellSocket;
  events: ShellEvent[];
  nonsense: string[];
  connected: boolean[];
}

async function shellSocket(t: { teardown(fn: () => unknown): void }): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
  const harness = { path: join(folder, 'shell.sock'), events: [], nonsense: [], connected: [] } as unknown as Harness;
  harness.socket = new ShellSocket({
    path: harness.path,
    onConnected: (connected) => harness.connected.push(connected),
    onEvent: (event) => harness.events.push(event),
    onNonsense: (why) => harness.nonsense.push(why),
  });
  await harness.socket.start();
  t.teardown(async () => {
    await harness.socket.stop();
    await rm(folder, { recursive: true });
  });
  return harness;
}

async function plug(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

t.test('events come in and commands go out, however the bytes are cut', async (t) => {
  const harness = await shellSocket(t);
  t.equal((await stat(harness.path)).mode & 0o777, 0o660, 'for the group of the kiosk only');
  t.equal(harness.socket.send({ do: 'closeViewer' }), false, 'nobody there');
  const shell = await plug(harness.path);
  const bytes = Buffer.from('{"event":"ready"}\n{"event":"viewerClosed","reason":"back","detail":"ção"}\n');
  for (const byte of bytes) {
    shell.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  for (let n = 0; n < 100 && harness.events.length < 2; n++) await sleep(10);
  t.same(harness.events, [{ event: 'ready' }, { event: 'viewerClosed', reason: 'back', detail: 'ção' }]);
  t.equal(harness.socket.send({ do: 'closeViewer' }), true);
  const [line] = (await once(shell, 'data')) as [Buffer];
  t.equal(String(line), '{"do":"closeViewer"}\n');
  shell.destroy();
  for (let n = 0; n < 100 && harness.connected.length < 2; n++) await sleep(10);
  t.same(harness.connected, [true, false]);
});

t.test('a new shell takes the place of the old one', async (t) => {
  const harness = await shellSocket(t);
  const first = await plug(harness.path);
  const gone = new Promise((resolve) => first.once('close', resolve));
  const second = await plug(harness.path);
  await gone;
  t.same(harness.connected, [true, false, true]);
  second.destroy();
});

t.test('whatever is sent, the runtime survives; nonsense is hung up on', async (t) => {
  const harness = await shellSocket(t);
  const line = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc.record({ event: fc.string(), reason: fc.anything() }).map((o) => Buffer.from(JSON.stringify(o) ?? '')),
    fc.constant(Buffer.alloc(20_000, 'x')),
    fc
      .constantFrom('null', '[]', '{"event":"viewerClosed"}', '{"event":"ready","__proto__":1')
      .map((s) => Buffer.from(s)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 5 }), async (lines) => {
      const socket = await plug(harness.path);
      const closed = new Promise((resolve) => socket.once('close', resolve)); // once() would mind an ECONNRESET
      socket.resume();
      socket.end(Buffer.concat(lines.flatMap((l) => [l, Buffer.from('\n')])));
      await closed;
    }),
    { numRuns: 1000 },
  );
  t.ok(harness.nonsense.length > 500, `${harness.nonsense.length} were hung up on`);
  t.ok(
    harness.events.every((e) => typeof e.event === 'string'),
    'only events came through',
  );
  const shell = await plug(harness.path);
  harness.events.length = 0;
  shell.write('{"event":"ready"}\n');
  for (let n = 0; n < 100 && harness.events.length < 1; n++) await sleep(10);
  t.same(harness.events, [{ event: 'ready' }], 'and the next shell is served');
  shell.destroy();
});

t.test('the page is served to itself and to nobody else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
  await writeFile(join(folder, 'index.html'), '<!doctype html>');
  await writeFile(join(folder, 'main.js'), '1');
  const commands: KioskCommand[] = [];
  const nonsense: number[] = [];
  const pages: boolean[] = [];
  const server = new LocalServer({
    pageFolder: folder,
    port: 0,
    state: () => STATE,
    onCommand: (command) => commands.push(command),
    onNonsense: (bytes) => nonsense.push(bytes),
    onPage: (connected) => pages.push(connected),
  });
  const port = await server.start();
  t.teardown(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
  const origin = `http://127.0.0.1:${port}`;
  const open = (options: { origin?: string; path?: string; headers?: Record<string, string> } = {}) =>
    new WebSocket(`ws://127.0.0.1:${port}${options.path ?? '/kiosk'}`, {
      origin: options.origin ?? origin,
      ...(options.headers && { headers: options.headers }),
    });

  const page = await fetch(`${origin}/`);
  t.equal(page.status, 200);
  t.equal(page.headers.get('cache-control'), 'no-store');
  t.match(page.headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/);
  t.equal((await fetch(`${origin}/main.js`)).headers.get('content-type'), 'text/javascript; charset=utf-8');
  t.equal((await fetch(`${origin}/../../etc/passwd`)).status, 404);
  t.equal((await fetch(`${origin}/%2e%2e/%2e%2e/etc/passwd`)).status, 404);
  t.equal((await fetch(`${origin}/`, { method: 'POST' })).status, 405);
  t.equal((await fetch(`http://localhost:${port}/`)).status, 421, 'asked for by another name');

  for (const options of [
    { origin: 'http://evil.example' },
    { path: '/other' },
    { headers: { host: 'evil.example' }, origin: 'http://evil.example' },
  ]) {
    const refused = open(options);
    const [error] = await once(refused, 'error');
    t.match(String(error), /403/, JSON.stringify(options));
  }

  const socket = open();
  const [first] = await once(socket, 'message');
  t.same(JSON.parse(String(first)), STATE, 'the state comes at once');
  server.publish({ ...STATE, pcName: 'other' });
  const [second] = await once(socket, 'message');
  t.match(JSON.parse(String(second)), { pcName: 'other' });
  socket.send('{"do":"retryNow"}');
  socket.send('{"do":"somethingElse"}');
  socket.send('not JSON');
  for (let n = 0; n < 100 && nonsense.length < 2; n++) await sleep(10);
  t.same(commands, [{ do: 'retryNow' }]);
  t.equal(nonsense.length, 2);
  socket.send('x'.repeat(100_000));
  await once(socket, 'close');
  for (let n = 0; n < 100 && pages.length < 2; n++) await sleep(10);
  t.same(pages, [true, false]);
  const again = open();
  await once(again, 'message');
  again.close();
  t.pass('a reload is served');
});
