/** Thousands of random requests: never a crash, never a 500, every refusal in the form that the API promises. */
import { connect } from 'node:tls';
import fc from 'fast-check';
import t from 'tap';
import { Value } from 'typebox/value';
import { Agent, request } from 'undici';
import WebSocket from 'ws';
import { ErrorBody } from '#common/protocol/client-server.ts';
import { Desktop } from '#common/protocol/desktop.ts';
import { DISK_A, FakePc, openHostLink } from './server/fake-pc.ts';
import { makeDesktop, makeImage, makeUser, PASSWORD, startTestServer, wireGuardKey } from './server/start.ts';

t.setTimeout(300_000);
const test = await startTestServer();
const root = await test.root();
await makeUser(root, 'ana');
await makeImage(root, 'debian-1');
const desktop = await makeDesktop(root, 'ana-desk', 'ana', 'debian-1');
const ana = await test.as('ana', { tunnelPublicKey: wireGuardKey() });
const UUID = '11111111-2222-3333-4444-555555555555';
const pc = await FakePc.logIn(test, 'ana', UUID);
await pc.connect(test);
const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
const base = `https://127.0.0.1:${test.server.port}`;
t.teardown(async () => {
  await dispatcher.close();
  await test.stop();
});

interface Sent {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | undefined;
  token?: string | undefined;
}

/** Sends it; throws unless the answer is a success, or an error below 500 in the promised form. */
async function probe({ method, path, headers = {}, body, token }: Sent): Promise<number> {
  // A clock that is moved on keeps the lock-out from hiding what is behind it.
  test.ahead += 20_000;
  const answer = await request(`${base}${path}`, {
    dispatcher,
    method: method as 'GET',
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && { body }),
  });
  const text = await answer.body.text();
  const { statusCode } = answer;
  if (statusCode >= 500) throw new Error(`${statusCode} for ${method} ${path} ${body}: ${text}`);
  if (statusCode >= 400 && method !== 'HEAD' && !Value.Check(ErrorBody, JSON.parse(text))) {
    throw new Error(`not an ErrorBody for ${method} ${path}: ${text}`);
  }
  return statusCode;
}

const token = fc.constantFrom(undefined, ana.token, pc.login.token, root.token, 'A'.repeat(43));
const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS');
const segment = fc.oneof(
  fc.constantFrom('desktops', 'users', 'sessions', 'images', 'hello', 'setup', 'events', 'viewer', 'start', 'password'),
  fc.constantFrom('attachment', 'move', 'reclaim', 'pcs', 'settings', 'host', UUID),
  fc.constantFrom(
    desktop.id,
    ana.session,
    'ana',
    'debian-1',
    'current',
    '..',
    '%00',
    '%2e%2e',
    '__proto__',
    '%zz',
    '%ff',
  ),
  fc.string({ maxLength: 300 }).map(encodeURIComponentSafely),
);
const path = fc
  .tuple(fc.array(segment, { maxLength: 5 }), fc.option(fc.webQueryParameters()))
  .map(([parts, query]) => `/api/v1/${parts.join('/')}${query === null ? '' : `?${query}`}`);

/** Bodies that are nearly right: the right keys, sometimes with values of any kind. */
const nearly = fc.record(
  Object.fromEntries(
    [
      'name',
      'user',
      'password',
      'currentPassword',
      'role',
      'owner',
      'image',
      'code',
      'machine',
      'tunnelPublicKey',
      'memoryMiB',
      'cpus',
      'displayName',
      'disk',
      'confirmed',
      'paused',
      'limitKiBps',
      'to',
      'generation',
      'pins',
      'syncLimitKiBps',
    ].map((key) => [
      key,
      fc.oneof(
        fc.constantFrom('ana', 'debian-1', PASSWORD, 'user', 512, 2, wireGuardKey()),
        fc.constantFrom<unknown>(DISK_A, true, null, 'pc', 'server', ['DISK-A'], 0, -1, 1e308),
        fc.string({ unit: 'binary' }),
        fc.jsonValue(),
      ),
    ]),
  ),
  { requiredKeys: [] },
);
const body = fc.option(
  fc.oneof(
    fc.json(),
    fc.string(),
    nearly.map((v) => JSON.stringify(v)),
    fc.constantFrom('{"__proto__":{}}', '{"a":1e999}', '\uFEFF{}', ''),
  ),
  { nil: undefined },
);

function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Ends the sessions that the tests go on with, or is slow on purpose. */
const harmful = ({ method, path }: Sent) =>
  (method === 'DELETE' && /sessions|users|desktops|images/.test(path)) || (method === 'PUT' && /password/.test(path));

t.test('random methods, paths, tokens and bodies', async (t) => {
  let calls = 0;
  await fc.assert(
    fc.asyncProperty(fc.record({ method, path, body, token }), async (sent) => {
      fc.pre(!harmful(sent) && !(sent.method === 'GET' && sent.body !== undefined));
      calls += 1;
      await probe(sent);
    }),
    { numRuns: 3000 },
  );
  t.ok(calls >= 3000, `${calls} requests`);
});

t.test('nearly right bodies on every route that takes one', async (t) => {
  const routes = fc.constantFrom(
    ['POST', '/api/v1/setup'],
    ['POST', '/api/v1/sessions'],
    ['POST', '/api/v1/users'],
    ['PATCH', '/api/v1/users/rui'],
    ['PUT', '/api/v1/users/rui/password'],
    ['POST', '/api/v1/desktops'],
    ['POST', `/api/v1/desktops/${desktop.id}/start`],
    ['POST', `/api/v1/desktops/${desktop.id}/viewer`],
    ['PUT', `/api/v1/desktops/${desktop.id}/attachment`],
    ['PATCH', `/api/v1/desktops/${desktop.id}/attachment`],
    ['DELETE', `/api/v1/desktops/${desktop.id}/attachment?forget=true`],
    ['POST', `/api/v1/desktops/${desktop.id}/move`],
    ['DELETE', `/api/v1/desktops/${desktop.id}/move`],
    ['POST', `/api/v1/desktops/${desktop.id}/reclaim`],
    ['PATCH', `/api/v1/pcs/${UUID}`],
    ['PATCH', '/api/v1/settings'],
  );
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(routes, nearly, token, async ([method = '', path = ''], value, token) => {
      statuses.add(await probe({ method, path, body: JSON.stringify(value), token }));
    }),
    { numRuns: 1500 },
  );
  t.ok(statuses.has(400), `statuses seen: ${[...statuses].sort()}`);
});

t.test('random headers', async (t) => {
  const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)) });
  const headers = fc.record(
    {
      authorization: fc.oneof(
        printable,
        printable.map((s) => `Bearer ${s}`),
      ),
      'content-type': fc.oneof(
        printable,
        fc.constantFrom('application/json; charset=x', 'text/plain', 'application/octet-stream', 'multipart/form-data'),
      ),
      accept: printable,
      upgrade: fc.constantFrom('h2c', 'tls'),
      'x-forwarded-for': printable,
      cookie: printable,
      'if-match': printable,
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(headers, method, path, async (headers, method, path) => {
      fc.pre(!harmful({ method, path }));
      const { upgrade, ...rest } = headers;
      await probe({ method, path, headers: rest, ...(method !== 'GET' && method !== 'HEAD' && { body: '{}' }) });
      if (upgrade !== undefined)
        await raw(`GET /api/v1/hello HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`);
    }),
    { numRuns: 800 },
  );
  t.pass();
});

t.test('bytes that are not HTTP', async (t) => {
  const start = fc.constantFrom(
    '',
    'GET ',
    'GET / HTTP/1.1\r\n',
    'POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n',
  );
  await fc.assert(
    fc.asyncProperty(start, fc.string({ unit: 'binary', maxLength: 2000 }), async (start, rest) => {
      const answer = await raw(`${start}${rest}\r\n\r\n`);
      if (/^HTTP\/1\.1 5/.test(answer)) throw new Error(answer);
    }),
    { numRuns: 500 },
  );
  const answer = await raw('this is not HTTP\r\n\r\n');
  t.match(answer, /^HTTP\/1\.1 400 /);
  t.ok(Value.Check(ErrorBody, JSON.parse(answer.split('\r\n\r\n')[1] ?? '')));
});

t.test('random messages on the event stream', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.string(), fc.json(), fc.uint8Array({ maxLength: 8000 })), { maxLength: 10 }),
      async (messages) => {
        const socket = new WebSocket(`${base.replace('https', 'wss')}/api/v1/events`, {
          rejectUnauthorized: false,
          headers: { authorization: `Bearer ${ana.token}` },
        });
        await new Promise((resolve, reject) => socket.once('message', resolve).once('error', reject));
        socket.on('error', () => {});
        for (const message of messages) socket.send(message);
        socket.terminate();
      },
    ),
    { numRuns: 150 },
  );
  t.pass();
});

t.test('a PC that says anything at any time: cut off, or not believed', async (t) => {
  const nasty = fc.oneof(
    fc.json(),
    fc.string({ unit: 'binary' }),
    fc.record({ id: fc.integer(), answer: fc.jsonValue(), error: fc.jsonValue() }, { requiredKeys: ['id'] }),
    fc.record({
      notice: fc.constantFrom('drbd', 'machine', 'migration', 'emptying', 'x'),
      desktop: fc.constantFrom(desktop.id, '0'.repeat(16), '__proto__'),
      status: fc.jsonValue(),
      state: fc.oneof(
        fc.jsonValue(),
        fc.constantFrom({ kind: 'running', since: 'x' }, { kind: 'arrived' }, { kind: 'sent' }),
      ),
      progress: fc.oneof(
        fc.jsonValue(),
        fc.constant({ phase: 'active', totalBytes: 1, remainingBytes: 1e300, transferredBytes: 0 }),
      ),
      percent: fc.oneof(fc.jsonValue(), fc.integer({ min: 0, max: 100 })),
    }),
  );
  const answer = fc.oneof(
    fc.jsonValue(),
    fc.record({
      localHost: fc.record({
        kvm: fc.boolean(),
        memoryFreeMiB: fc.integer(),
        missingCpuFeatures: fc.array(fc.string()),
      }),
      attached: fc.record({
        desktop: fc.constantFrom(desktop.id, '0'.repeat(16)),
        disk: fc.constant(DISK_A),
        machine: fc.constantFrom({ kind: 'running', since: '' }, { kind: 'arrived' }, { kind: 'none' }),
        generation: fc.nat(),
      }),
    }),
  );
  // Has a disk attached that is not its own to have, and goes when it is told to put it down.
  const stranger = {
    localHost: { kvm: true, memoryFreeMiB: 4096, missingCpuFeatures: [] },
    attached: { desktop: '0'.repeat(16), disk: DISK_A, machine: { kind: 'none' }, generation: 1 },
  };
  await fc.assert(
    fc.asyncProperty(fc.array(nasty, { maxLength: 6 }), answer, async (messages, answer) => {
      const socket = openHostLink(test, pc.login.token);
      socket.on('error', () => {});
      socket.on('message', (data) => {
        const { id } = JSON.parse(String(data));
        socket.send(JSON.stringify({ id, answer }));
      });
      await new Promise((resolve) => socket.once('open', resolve).once('close', resolve));
      for (const message of messages) socket.send(typeof message === 'string' ? message : JSON.stringify(message));
      await new Promise((resolve) => setTimeout(resolve, 5));
      socket.terminate();
    }),
    { numRuns: 200, examples: [[[], stranger]] },
  );
  const { holder } = (await root.call({ path: `/desktops/${desktop.id}`, answer: Desktop })) as Desktop;
  t.equal(holder, undefined, 'and nothing it said made it the holder');
});

t.test('after all this the server is well', async (t) => {
  t.equal((await root.hello()).product, 'flexdeploy');
  const mistakes = test.log.filter((line) => JSON.parse(line).level >= 50);
  t.same(mistakes, [], 'and its log has no errors');
});

/** Sends bytes on a bare TLS connection; what comes back within 50 ms of silence. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ host: '127.0.0.1', port: test.server.port, rejectUnauthorized: false });
    const done = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('secureConnect', () => socket.write(bytes, () => socket.setTimeout(50)));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('timeout', done);
    socket.on('error', done);
    socket.on('close', done);
  });
}
