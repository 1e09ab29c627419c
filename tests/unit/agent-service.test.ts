import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { encodeFrame } from '#common/agent/framing.ts';
import { AgentPort } from '#common/agent/port.ts';
import { UserError } from '#common/errors.ts';
import type { AgentStatus, Wish } from '#common/protocol/host-guest.ts';
import { status as printStatus, wish } from '../../guest-agent/commands.ts';
import { ControlClient, NoServiceError } from '../../guest-agent/control/client.ts';
import type { View } from '../../guest-agent/control/protocol.ts';
import { AgentService } from '../../guest-agent/service.ts';
import { statusOf } from './agent/agent-status.ts';
import { SerialLine } from './agent/serial-line.ts';

interface Host {
  port: AgentPort;
  status: AgentStatus;
  wishes: Wish[];
}

function hostAt(line: SerialLine, status: AgentStatus, onWish?: (wish: Wish, host: Host) => void): Host {
  const host = { status, wishes: [] as Wish[] } as unknown as Host;
  host.port = new AgentPort({
    socket: line.socket,
    status: () => host.status,
    onWish: async (wish) => {
      host.wishes.push(wish);
      onWish?.(wish, host);
    },
    log: () => {},
  });
  return host;
}

async function desktop(t: { teardown(fn: () => unknown): void }) {
  const line = await SerialLine.make(t);
  const control = join(line.folder, 'control.sock');
  const service = new AgentService({ port: line, control, version: '1.2.3', log: () => {} });
  await service.start();
  t.teardown(() => service.stop());
  const client = await ControlClient.connect(control);
  t.teardown(() => client.close());
  const views: View[] = [];
  client.onView((view) => views.push(view));
  const seen = async (what: string, wanted: (view: View) => boolean) => {
    for (let i = 0; i < 600; i++) {
      const view = views.at(-1);
      if (view && wanted(view)) return view;
      await sleep(10);
    }
    throw new Error(`never seen: ${what}; last ${JSON.stringify(views.at(-1))}`);
  };
  const lines: string[] = [];
  const output = { control, json: false, print: (text: string) => void lines.push(text) };
  return { line, service, client, views, seen, output, lines, control };
}

t.test('the agent keeps its conversation across a move to another host and a restart of the host', async (t) => {
  const { line, seen, views } = await desktop(t);
  await seen('nobody', (view) => view.host.kind === 'away');
  await line.powerOn();
  const server = hostAt(line, statusOf('syncing', 'server'));
  await seen('the server', (view) => view.host.kind === 'there' && view.status?.place === 'server');
  server.port.close();
  await line.powerOff();
  await seen('nobody', (view) => view.host.kind === 'away');
  t.equal(views.at(-1)?.status?.place, 'server', 'what was said last is still known');
  await line.powerOn();
  const pc = hostAt(line, statusOf('inSync', 'pc'));
  t.teardown(() => pc.port.close());
  await seen('the PC', (view) => view.host.kind === 'there' && view.status?.place === 'pc');
  pc.status = statusOf('paused', 'pc');
  pc.port.update();
  await seen('a change', (view) => view.status?.sync.kind === 'paused');
});

t.test('a host that takes over in the middle of a frame is understood', async (t) => {
  const { line, seen } = await desktop(t);
  await line.powerOn();
  const broken = connect(line.socket);
  broken.write(encodeFrame({ type: 'status', status: statusOf('syncing', 'server') }).subarray(0, 100));
  await sleep(50);
  // no goodbye: after a live migration the guest is not told that the host has changed
  broken.write(encodeFrame({ type: 'status', status: statusOf('inSync', 'pc') }));
  await seen('the PC', (view) => view.status?.place === 'pc');
  broken.destroy();
});

t.test('the command line says the state, asks for what is possible and tells why something is not', async (t) => {
  const { line, seen, output, lines, control } = await desktop(t);
  t.equal(await printStatus(output), false, 'nobody answers');
  t.match(lines.join('\n'), /Nobody answers/);
  await t.rejects(wish(output, 'pause', { wait: false }), { message: /nobody at the host/ });
  await line.powerOn();
  const host = hostAt(line, statusOf('syncing', 'server'), (wish, host) => {
    if (wish === 'pause') throw new UserError('the server is busy', { hint: 'Try again.' });
    if (wish !== 'moveHere') return;
    void follow(host, () => seen('the move', (view) => view.status?.move !== undefined));
  });
  t.teardown(() => host.port.close());
  await seen('the server', (view) => view.host.kind === 'there');
  lines.length = 0;
  t.equal(await printStatus(output), true);
  t.match(lines.join('\n'), /Runs on +the server school/);
  t.match(lines.join('\n'), /42 %/);
  await printStatus({ ...output, json: true });
  t.same((JSON.parse(lines.at(-1) ?? '') as View).status, statusOf('syncing', 'server'));
  await t.rejects(wish(output, 'pause', { wait: false }), { message: 'the server is busy', hint: 'Try again.' });
  await t.rejects(wish(output, 'moveToServer', { wait: false }), { message: /there already/ });
  await t.rejects(wish(output, 'rebootNative', { wait: false }), { message: /later version/ });
  t.same(host.wishes, ['pause'], 'what is not possible is not even asked');
  lines.length = 0;
  await wish(output, 'moveHere', { wait: true });
  t.ok(lines.includes('copyingMemory 50 %'), lines.join());
  t.equal(lines.at(-1), 'The desktop runs on this PC.');
  await t.rejects(printStatus({ ...output, control: `${control}.none` }), NoServiceError);
});

async function follow(host: Host, seen: () => Promise<unknown>): Promise<void> {
  const move = { to: 'pc', since: '2026-11-22T10:00:00Z', phase: 'copyingMemory', percent: 50 } as const;
  host.status = { ...statusOf('syncing', 'server'), move };
  host.port.update();
  await seen();
  host.status = statusOf('inSync', 'pc');
  host.port.update();
}

t.test('everybody in the desktop may use the socket; nonsense is hung up on', async (t) => {
  const { control, client } = await desktop(t);
  t.equal((await stat(control)).mode & 0o777, 0o666);
  for (const text of [
    '{"id":1,"wish":"format"}\n',
    'x\n',
    `${'a'.repeat(5000)}`,
    '{"id":-1,"wish":"pause"}\n',
    '[]\n',
  ]) {
    const socket = connect(control);
    socket.on('error', () => {});
    socket.resume();
    socket.write(text);
    await new Promise((resolve) => socket.once('close', resolve));
  }
  t.equal((await client.view()).version, '1.2.3', 'and the others notice nothing');
});
