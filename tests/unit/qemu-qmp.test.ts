import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { mainChannelOf, querySpice, queryStatus, quit } from '#common/qemu/commands.ts';
import { QmpClosedError, QmpConnection, QmpError } from '#common/qemu/connection.ts';
import { encodeCommand, MAX_LINE_BYTES, parseLine, type QmpEvent, WireParser } from '#common/qemu/wire.ts';

const GREETING = '{"QMP": {"version": {"qemu": {"micro": 8, "minor": 0, "major": 10}}, "capabilities": ["oob"]}}\r\n';

t.test('messages come out whole, however the bytes were split', async (t) => {
  const lines = [
    GREETING,
    '{"return": {}, "id": 1}\r\n',
    '{"timestamp": {"seconds": 2, "microseconds": 500000}, "event": "SHUTDOWN", "data": {"guest": true}}\r\n',
    '{"id": 2, "error": {"class": "GenericError", "desc": "não"}}\r\n',
  ];
  const expected = [
    { kind: 'greeting', version: '10.0.8' },
    { kind: 'return', id: 1, value: {} },
    { kind: 'event', event: { name: 'SHUTDOWN', data: { guest: true }, at: 2500 } },
    { kind: 'error', id: 2, class: 'GenericError', description: 'não' },
  ];
  const bytes = Buffer.from(lines.join(''));
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
      const parser = new WireParser();
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const messages = at.slice(1).flatMap((end, i) => parser.push(bytes.subarray(at[i], end)));
      t.strictSame(messages, expected);
    }),
    { numRuns: 200 },
  );
});

t.test('anything at all can be parsed without a throw', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
      const parser = new WireParser();
      for (const chunk of chunks) parser.push(chunk);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.json(), (text) => {
      parseLine(text);
    }),
    { numRuns: 2000 },
  );
  const part = fc.oneof(fc.anything(), fc.constant({ qemu: 1 }));
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('QMP', 'event', 'data', 'error', 'return', 'id', 'timestamp'), part),
      (o) => {
        parseLine(JSON.stringify(o, (_, v) => (typeof v === 'bigint' ? String(v) : v)));
      },
    ),
    { numRuns: 2000 },
  );
});

t.test('a line without end is given up, not kept', async (t) => {
  const parser = new WireParser();
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  const kinds = Array.from({ length: MAX_LINE_BYTES / chunk.length + 1 }, () => parser.push(chunk)).flat();
  t.match(kinds, [{ kind: 'malformed' }]);
});

t.test('commands are one line of JSON', async (t) => {
  t.equal(encodeCommand(7, 'query-status', undefined), '{"execute":"query-status","id":7}\r\n');
  t.equal(encodeCommand(8, 'x', { a: 'b\n' }), '{"execute":"x","arguments":{"a":"b\\n"},"id":8}\r\n');
});

/** A server that says what `script` makes of each connection, for what a real QEMU does not do. */
async function peer(t: Test, script: (socket: Socket) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qmp-'));
  const path = join(folder, 'qmp.sock');
  const server = createServer((socket) => {
    socket.on('error', () => {});
    script(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return path;
}

t.test('a peer that is not QEMU is not talked to', async (t) => {
  for (const first of ['SSH-2.0-x\r\n', '{"return": {}}\r\n', '[]\n']) {
    const path = await peer(t, (socket) => void socket.write(first));
    await t.rejects(QmpConnection.connect(path, { timeoutMs: 200 }), QmpClosedError);
  }
  const silent = await peer(t, () => {});
  await t.rejects(QmpConnection.connect(silent, { timeoutMs: 300 }), { message: /no greeting/ });
});

t.test('malformed input ends the connection, and what waits is told', async (t) => {
  const path = await peer(t, (socket) => {
    socket.write(GREETING);
    socket.on('data', (data) => {
      socket.write(data.toString().includes('qmp_capabilities') ? '{"return": {}, "id": 1}\r\n' : 'oops\r\n');
    });
  });
  const qmp = await QmpConnection.connect(path, { timeoutMs: 2000 });
  await t.rejects(queryStatus(qmp), QmpClosedError);
  t.match(await qmp.closed, /not JSON/);
  await t.rejects(qmp.execute('stop'), QmpClosedError);
});

t.test('answers of an unexpected shape are refused', async (t) => {
  const path = await peer(t, (socket) => {
    socket.write(GREETING);
    socket.on('data', (data) => {
      for (const line of data.toString().trim().split('\n')) {
        socket.write(`{"return": {"running": "maybe"}, "id": ${JSON.parse(line).id}}\r\n`);
      }
    });
  });
  const qmp = await QmpConnection.connect(path, { timeoutMs: 2000 });
  t.teardown(() => qmp.close());
  await t.rejects(queryStatus(qmp), { message: /unexpected/ });
});

t.test('of the channels of a viewer only the main one says that it is in', async (t) => {
  const said = (name: string, type: number) => ({
    name,
    data: { client: { host: '127.0.0.1', port: '40000', 'channel-type': type, 'connection-id': 7 }, server: {} },
    at: 0,
  });
  t.strictSame(mainChannelOf(said('SPICE_INITIALIZED', 1)), { host: '127.0.0.1', type: 1, connection: 7 });
  t.equal(mainChannelOf(said('SPICE_INITIALIZED', 2)), undefined, 'its picture');
  t.equal(mainChannelOf(said('SPICE_CONNECTED', 1)), undefined, 'nobody has shown a ticket yet');
  t.equal(mainChannelOf({ name: 'STOP', data: {}, at: 0 }), undefined);
});

t.test('a real QEMU: commands, errors, leaving and coming back, its end', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'qmp-'));
  const path = join(folder, 'qmp.sock');
  const argv = ['-machine', 'none', '-S', '-display', 'none', '-nodefaults', '-qmp', `unix:${path},server=on,wait=off`];
  const qemu = spawn('qemu-system-x86_64', argv, { stdio: 'ignore' });
  const ended = once(qemu, 'exit');
  t.teardown(async () => {
    qemu.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const first = await QmpConnection.connect(path, { timeoutMs: 20_000 });
  t.match(first.version, /^\d+\.\d+\.\d+$/);
  t.equal(await queryStatus(first), 'prelaunch');
  await t.rejects(first.execute('no-such-command'), QmpError);
  const same = await Promise.all(Array.from({ length: 50 }, () => queryStatus(first)));
  t.strictSame(new Set(same), new Set(['prelaunch']));
  first.close();
  t.equal(await first.closed, 'closed by us');

  const second = await QmpConnection.connect(path, { timeoutMs: 5_000 });
  const events: QmpEvent[] = [];
  second.onEvent((event) => void events.push(event));
  t.equal(await querySpice(second).catch(() => undefined), undefined);
  await quit(second);
  await ended;
  await second.closed;
  t.match(events, [{ name: 'SHUTDOWN', data: { guest: false, reason: 'host-qmp-quit' } }]);
});
