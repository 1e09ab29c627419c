import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { Value } from 'typebox/value';
import { encodeFrame, FrameDecoder } from '#common/agent/framing.ts';
import { AgentPort } from '#common/agent/port.ts';
import { agentStatus } from '#common/agent/status.ts';
import { UserError } from '#common/errors.ts';
import { type AgentStatus, GuestMessage, type HostMessage, type Wish } from '#common/protocol/host-guest.ts';
import { until } from './until.ts';

const STATUS: AgentStatus = {
  desktop: 'sample',
  place: 'server',
  server: { name: 'school' },
  sync: { kind: 'none' },
  complete: false,
  link: { connected: false },
  can: {
    pause: { possible: false, why: 'noPc' },
    resume: { possible: false, why: 'noPc' },
    moveHere: { possible: false, why: 'noPc' },
    moveToServer: { possible: false, why: 'alreadyThere' },
    cancelMove: { possible: false, why: 'noMove' },
    rebootNative: { possible: false, why: 'laterVersion' },
  },
};

/** The other end of QEMU's socket: what a guest's agent, or a hostile guest, writes and reads. */
class Guest {
  readonly messages: HostMessage[] = [];
  readonly #decoder = new FrameDecoder();
  readonly socket: Socket;
  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      for (const found of this.#decoder.push(data))
        if (found.kind === 'message') this.messages.push(found.value as HostMessage);
    });
  }
  say(message: unknown): void {
    this.socket.write(encodeFrame(message));
  }
  answer(id: string): Extract<HostMessage, { type: 'answer' }> | undefined {
    return this.messages.find((m) => m.type === 'answer' && m.id === id) as never;
  }
  get statuses(): AgentStatus[] {
    return this.messages.flatMap((m) => (m.type === 'status' ? [m.status] : []));
  }
}

async function lab(t: { teardown(fn: () => unknown): void }, onWish?: (wish: Wish) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
  const path = join(folder, 'agent.sock');
  const state = { status: structuredClone(STATUS), wishes: [] as Wish[], log: [] as string[] };
  const port = new AgentPort({
    socket: path,
    status: () => state.status,
    onWish: async (wish) => {
      state.wishes.push(wish);
      await onWish?.(wish);
    },
    log: (line) => state.log.push(line),
  });
  const servers: Server[] = [];
  const listen = async () => {
    const server = createServer({ pauseOnConnect: true }).listen(path);
    servers.push(server);
    const guest = once(server, 'connection').then(([socket]) => socket as Socket);
    await once(server, 'listening');
    return { server, guest };
  };
  t.teardown(async () => {
    port.close();
    for (const server of servers) server.close();
    await rm(folder, { recursive: true });
  });
  return { port, state, listen };
}

async function connected(t: { teardown(fn: () => unknown): void }, onWish?: (wish: Wish) => Promise<void>) {
  const { listen, ...rest } = await lab(t, onWish);
  const { server, guest } = await listen();
  const socket = await guest;
  t.teardown(() => socket.destroy());
  socket.resume();
  return { ...rest, listen, server, guest: new Guest(socket) };
}

t.test('the host tells its status unasked, when it changes, and when it is asked', async (t) => {
  const { guest, port, state } = await connected(t);
  await until(() => guest.statuses.length === 1, 'a first status');
  port.update();
  await sleep(400);
  t.equal(guest.statuses.length, 1, 'nothing changed, nothing said');
  state.status = { ...STATUS, place: 'pc' };
  for (let i = 0; i < 100; i++) port.update();
  await until(() => guest.statuses.length === 2, 'a second status');
  t.equal(guest.statuses[1]?.place, 'pc');
  guest.say({ type: 'ping' });
  await until(() => guest.statuses.length === 3, 'the answer to a ping');
  guest.say({ type: 'hello', version: '1', system: 'linux' });
  await until(() => port.guest !== undefined, 'a hello');
  t.same(port.guest, { version: '1', system: 'linux' });
});

t.test('a wish is granted once, however often it comes, and a refusal is told in words', async (t) => {
  const { guest, state } = await connected(t, async (wish) => {
    if (wish === 'moveHere') throw new UserError('this PC has too little memory', { hint: 'Work on the server.' });
    if (wish === 'resume') throw new Error('a secret path');
  });
  guest.say({ type: 'wish', id: 'a', wish: 'pause' });
  guest.say({ type: 'wish', id: 'a', wish: 'pause' });
  guest.say({ type: 'wish', id: 'b', wish: 'moveHere' });
  guest.say({ type: 'wish', id: 'c', wish: 'resume' });
  await until(() => guest.answer('c') !== undefined, 'all answers');
  t.same(state.wishes, ['pause', 'moveHere', 'resume']);
  t.same(guest.answer('a'), { type: 'answer', id: 'a' });
  t.same(guest.answer('b')?.error, { message: 'this PC has too little memory', hint: 'Work on the server.' });
  t.notMatch(guest.answer('c')?.error?.message, /secret/);
  t.ok(state.log.some((line) => line.includes('a secret path')));
});

t.test('no more than four wishes are under way at once', async (t) => {
  const { guest, state } = await connected(t, () => new Promise(() => {}));
  for (let i = 0; i < 6; i++) guest.say({ type: 'wish', id: `${i}`, wish: 'pause' });
  await until(() => guest.answer('5') !== undefined, 'a refusal');
  t.equal(state.wishes.length, 4);
  t.ok(guest.answer('4')?.error);
});

t.test('the port finds QEMU again after it ended, and one that starts late', async (t) => {
  const { listen, state } = await lab(t);
  await sleep(100);
  const first = await listen();
  const guest = new Guest(await first.guest);
  guest.socket.resume();
  await until(() => guest.statuses.length === 1, 'a status');
  guest.socket.write(encodeFrame({ type: 'ping' }).subarray(0, 12)); // it dies in the middle of a frame
  guest.socket.destroy();
  await new Promise((resolve) => first.server.close(resolve));
  const second = await listen();
  const next = new Guest(await second.guest);
  t.teardown(() => next.socket.destroy());
  next.socket.resume();
  await until(() => next.statuses.length === 1, 'a status after the restart');
  next.say({ type: 'wish', id: 'x', wish: 'moveToServer' });
  await until(() => next.answer('x') !== undefined, 'an answer');
  t.same(state.wishes, ['moveToServer']);
});

t.test('hostile bytes neither reach the owner nor stop the port', async (t) => {
  const { guest, state } = await connected(t);
  const wishes = ['pause', 'resume', 'moveHere', 'moveToServer', 'cancelMove', 'rebootNative', '__proto__', ''];
  const accepted = (bytes: Buffer) =>
    new FrameDecoder().push(bytes).some((f) => f.kind === 'message' && Value.Check(GuestMessage, f.value));
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((a) => Buffer.from(a)),
    fc.jsonValue().map(encodeFrame),
    fc.record({ type: fc.constantFrom('hello', 'ping', 'wish', 'status'), id: fc.anything() }).map((value) => {
      try {
        return encodeFrame(value);
      } catch {
        return Buffer.alloc(0);
      }
    }),
    // nearly right: one key too many, a wrong type, an id that is too long
    fc
      .record({
        type: fc.constant('wish'),
        id: fc.oneof(fc.string({ minLength: 41, maxLength: 60 }), fc.integer(), fc.constant('a/b')),
        wish: fc.constantFrom(...wishes),
      })
      .map(encodeFrame),
    fc.record({ type: fc.constant('ping'), more: fc.jsonValue() }).map(encodeFrame),
  );
  fc.assert(
    fc.property(hostile, (bytes) => {
      const text = bytes.toString('latin1');
      return !accepted(bytes) || text.includes('{"type":"ping"}') || text.includes('"type":"hello"');
    }),
    { numRuns: 5000 },
  );
  let sent = 0;
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 5 }), (chunks) => {
      for (const chunk of chunks) guest.socket.write(chunk);
      sent += chunks.length;
    }),
    { numRuns: 300 },
  );
  t.ok(sent > 300, `${sent} hostile pieces`);
  await until(() => guest.socket.writableLength === 0, 'it reads on, slowly');
  await sleep(5000); // until the rate allows for a message again
  guest.say({ type: 'wish', id: 'good', wish: 'pause' });
  await until(() => guest.answer('good') !== undefined, 'the good wish is understood');
  t.same(state.wishes, ['pause']);
  t.ok(state.log.length <= 1, 'and the log is not flooded');
});

t.test('a guest that floods is read slowly; one that does not read gets the newest status when it does', async (t) => {
  const { guest, state, port } = await connected(t);
  await until(() => guest.statuses.length === 1, 'a status');
  guest.socket.pause();
  const before = process.memoryUsage().rss;
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 50; i++) guest.say({ type: 'ping' });
    state.status = { ...STATUS, desktop: `d${round}` };
    port.update();
    await sleep(5);
  }
  t.ok(process.memoryUsage().rss - before < 60e6, 'the host keeps nothing for it');
  await sleep(300);
  port.update();
  guest.socket.resume();
  await until(() => guest.statuses.at(-1)?.desktop === 'd59', 'the newest status');
  t.ok(guest.statuses.length < 300, `${guest.statuses.length} statuses`);
});

t.test('what can be wished follows from the desktop', async (t) => {
  const base = { name: 'sample' } as Parameters<typeof agentStatus>[0];
  const attachment = {
    pc: { uuid: 'u', name: 'lab-7' },
    disk: { serial: 's', wwn: '', model: 'm', bytes: 1 },
    complete: false,
    localHost: { possible: true },
    state: { kind: 'syncing', percent: 10, bytesLeft: 1, bytesPerSecond: 1, to: 'pc' },
  } as NonNullable<typeof base.attachment>;
  const server = { place: 'server', serverName: 'school' } as const;
  const possible = (status: AgentStatus) =>
    Object.entries(status.can).flatMap(([wish, can]) => (can.possible ? [wish] : []));
  t.same(possible(agentStatus(base, server)), []);
  t.same(possible(agentStatus({ ...base, attachment }, server)), ['pause', 'moveHere']);
  const pc = { place: 'pc', serverName: 'school', pc: { name: 'lab-7', link: { connected: true } } } as const;
  t.same(possible(agentStatus({ ...base, attachment }, pc)), ['pause', 'moveToServer']);
  const cut = { ...pc, pc: { name: 'lab-7', link: { connected: false, since: '2026-11-22T10:00:00Z' } } };
  const alone = agentStatus({ ...base, attachment }, cut);
  t.same(possible(alone), []);
  t.same(alone.sync, { kind: 'disconnected', since: '2026-11-22T10:00:00Z' });
  const move = { to: 'pc', since: '', phase: 'copyingMemory', percent: 1 } as const;
  t.same(possible(agentStatus({ ...base, attachment, move }, server)), ['pause', 'cancelMove']);
  const paused = { ...attachment, state: { kind: 'paused', percent: 3 } as const };
  t.same(possible(agentStatus({ ...base, attachment: paused }, server)), ['resume', 'moveHere']);
  const weak = { ...attachment, localHost: { possible: false, reason: 'no KVM' } };
  t.same(agentStatus({ ...base, attachment: weak }, server).can.moveHere, {
    possible: false,
    why: 'other',
    text: 'no KVM',
  });
});
