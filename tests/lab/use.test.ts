/**
 * Two people at the kiosks of two PCs, seen from the server's side too: using a desktop, not reaching the other's, and
 * the server dying under them. One file, since setting a server up and importing an image takes minutes.
 */
import t from 'tap';
import { eventually } from './eventually.ts';
import { labTest } from './harness.ts';
import { askApi, connects, listen, speaksSpice } from './intruder.ts';
import {
  backToList,
  clickOpen,
  LIMITS,
  LIST,
  logIn,
  logOut,
  openDesktop,
  typeLogin,
  waitForLogin,
  writeInEditor,
} from './kiosk-walk.ts';
import type { Machine } from './machine.ts';
import { PROBE_NETWORK, ProbeListener } from './probe.ts';

const { deployment, chapter } = await labTest(t, 'use', {
  images: ['client-debug', 'server-debug', 'desktop', 'probe'],
  serverDebug: true,
  memoryGiB: 10,
  network: PROBE_NETWORK,
});
const probe = await ProbeListener.open();
deployment.lab.cleanup.add('closing the listener', () => probe.close());
const { server } = deployment;
const SERVER_IN_TUNNEL = '10.86.0.1';
const ana = { user: 'ana', password: 'Str4nge, but true: "yes"!', desktop: 'ana-desk', pc: 'pc-of-ana' };
const bob = { user: 'bob', password: 'second person 2', desktop: 'bob-desk', pc: 'pc-of-bob' };

const machine = (name: string): Machine => {
  const found = deployment.lab.machines.find((m) => m.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
};

/** Port on which QEMU of a desktop listens for viewers. */
async function spicePort(desktop: string): Promise<number> {
  const { id } = await deployment.desktop(desktop);
  const { output } = await server.shell(
    `for p in $(grep -la -e ${id} /proc/[0-9]*/cmdline | cut -d/ -f3); do ss -Hltnp | grep "pid=$p,"; done`,
  );
  const [, port] = new RegExp(`${SERVER_IN_TUNNEL.replaceAll('.', '\\.')}:(\\d+)`).exec(output) ?? [];
  if (!port) throw new Error(`no SPICE port of ${desktop} on the server: ${output}`);
  return Number(port);
}

async function tunnelAddress(user: string, pc: string): Promise<string> {
  const session = (await deployment.sessions()).find((s) => s.user === user && s.machineName === pc);
  if (!session?.tunnelAddress) throw new Error(`${user} has no tunnel`);
  return session.tunnelAddress;
}

const mainPid = async () => (await server.shell('systemctl show -P MainPID flexdeploy-server')).output.trim();

chapter('an administrator sets the server up, imports the sample desktop and makes two accounts', async (t) => {
  await deployment.startServer();
  await deployment.setUp();
  // The PCs boot meanwhile
  for (const person of [ana, bob]) await (await deployment.pc(person.pc, { debug: true, memoryMiB: 2048 })).start();
  await deployment.importSampleDesktop();
  await deployment.addPerson(ana.user, ana.password, ana.desktop);
  // His is the one that writes and tells: it is there minutes earlier than a second sample, too
  await deployment.importProbe();
  await deployment.addPerson(bob.user, bob.password, bob.desktop, { image: 'probe', memoryMiB: 192 });
  t.equal((await deployment.desktop(ana.desktop)).state.kind, 'off');
});

chapter('two PCs with 2 GiB reach the login screen', async (t) => {
  for (const person of [ana, bob]) await waitForLogin(machine(person.pc));
  t.ok(await machine(ana.pc).screenshot('1-login'));
});

chapter('a wrong password is refused in words', async (t) => {
  const pc = machine(ana.pc);
  await typeLogin(pc, { user: ana.user, password: 'not it' });
  await pc.display.waitForText(/not correct/i, LIMITS.answer);
  await pc.screenshot('2-wrong-password');
  t.notOk((await deployment.sessions()).some((s) => s.user === ana.user));
});

chapter('the right one shows the list of desktops, and the server knows PC and person', async (t) => {
  const pc = machine(ana.pc);
  // after a refusal the name is still there and the focus is on the password
  await pc.display.type(`${ana.password}\n`);
  await pc.display.waitForText(LIST, LIMITS.answer);
  await pc.screenshot('3-desktops');
  t.match(await tunnelAddress(ana.user, ana.pc), /^10\.86\.\d+\.\d+$/);
});

chapter('opening a desktop starts it on the server and shows its picture', async (t) => {
  await openDesktop(machine(ana.pc));
  await machine(ana.pc).screenshot('4-desktop');
  t.match((await deployment.desktop(ana.desktop)).state, { kind: 'running', viewers: 1 });
});

chapter('what is typed arrives in the desktop', async (t) => {
  await writeInEditor(machine(ana.pc), 'Typed through the kiosk.');
  t.ok(await machine(ana.pc).screenshot('5-typed'));
});

chapter('a second person uses another desktop on another PC', async (t) => {
  const pc = machine(bob.pc);
  await logIn(pc, bob);
  await clickOpen(pc);
  await eventually('he sees his desktop', LIMITS.answer, async () => {
    const { state } = await deployment.desktop(bob.desktop);
    return state.kind === 'running' && state.viewers === 1;
  });
  await pc.screenshot('6-second-person');
  t.not(await spicePort(ana.desktop), await spicePort(bob.desktop), 'each desktop has a port of its own');
});

chapter("a PC reaches its own desktop's port, and no other's", async (t) => {
  for (const [person, other] of [
    [ana, bob],
    [bob, ana],
  ] as const) {
    const pc = machine(person.pc);
    const own = await connects(pc, SERVER_IN_TUNNEL, await spicePort(person.desktop));
    t.ok(own, `${person.user} reaches the own desktop`);
    const foreign = await connects(pc, SERVER_IN_TUNNEL, await spicePort(other.desktop));
    t.notOk(foreign, `${person.user} does not reach ${other.desktop}`);
  }
});

chapter("a PC that takes the other's tunnel address gets nowhere", async (t) => {
  const pc = machine(bob.pc);
  const stolen = await tunnelAddress(ana.user, ana.pc);
  await pc.shell(`ip address add ${stolen}/32 dev flexdeploy0`);
  const port = await spicePort(ana.desktop);
  t.notOk(await connects(pc, SERVER_IN_TUNNEL, port, stolen), "ana's desktop from ana's address");
  await pc.shell(`ip address del ${stolen}/32 dev flexdeploy0`);
});

chapter('a PC does not reach the other PC through the tunnel', async (t) => {
  const pc = machine(bob.pc);
  const address = await tunnelAddress(ana.user, ana.pc);
  await listen(machine(ana.pc), address, 7777);
  t.ok(await connects(machine(ana.pc), address, 7777), 'something listens there');
  const both = `${SERVER_IN_TUNNEL}/32,${address}/32`;
  await pc.shell(
    `wg set flexdeploy0 peer "$(wg show flexdeploy0 peers)" allowed-ips ${both}; ip route replace ${address}/32 dev flexdeploy0`,
  );
  t.notOk(await connects(pc, address, 7777));
});

chapter("with the own token the API shows and does nothing with the other's desktop", async (t) => {
  const { id } = await deployment.desktop(ana.desktop);
  const forbidden = [
    { method: 'GET', path: `/desktops/${id}` },
    { method: 'POST', path: `/desktops/${id}/start` },
    { method: 'POST', path: `/desktops/${id}/viewer` },
    { method: 'POST', path: `/desktops/${id}/shut-down` },
    { method: 'POST', path: `/desktops/${id}/force-off` },
    { method: 'DELETE', path: `/desktops/${id}` },
    { method: 'GET', path: '/users' },
    { method: 'GET', path: `/users/${ana.user}` },
  ];
  const [list, ...answers] = await askApi(machine(bob.pc), deployment.address, bob, [
    { method: 'GET', path: '/desktops' },
    ...forbidden,
  ]);
  const names = (JSON.parse(list?.body ?? '[]') as { name: string }[]).map((d) => d.name);
  t.same(names, [bob.desktop], 'the list has only the own one');
  for (const [i, { status }] of answers.entries()) {
    const { method, path } = forbidden[i] ?? { method: '', path: '' };
    t.ok(status === 403 || status === 404, `${method} ${path} is answered with ${status}`);
  }
  t.equal((await deployment.desktop(ana.desktop)).state.kind, 'running', 'the desktop did not notice');
});

chapter('without a tunnel nothing of the tunnel is reached', async (t) => {
  const port = await spicePort(bob.desktop);
  t.ok(await speaksSpice(machine(bob.pc), SERVER_IN_TUNNEL, port), 'with it the desktop answers');
  await machine(bob.pc).shell('ip link delete flexdeploy0');
  t.notOk(await speaksSpice(machine(bob.pc), SERVER_IN_TUNNEL, port));
  await machine(bob.pc).powerCut();
});

chapter('the server process is killed and restarted: the picture goes on', async (t) => {
  const pc = machine(ana.pc);
  const { state } = await deployment.desktop(ana.desktop);
  const pid = await mainPid();
  await server.shell('systemctl kill --signal=KILL flexdeploy-server');
  await pc.display.type(' And on it goes.', 60);
  await pc.display.waitForText(/And on it goes/i, LIMITS.answer);
  await pc.screenshot('7-server-process-restarted');
  await eventually('the server process runs again', LIMITS.answer, async () => !['0', pid].includes(await mainPid()));
  await eventually('the server finds the desktop running, and its viewer', LIMITS.answer, async () => {
    const { state } = await deployment.desktop(ana.desktop);
    return state.kind === 'running' && state.viewers === 1;
  });
  t.match((await deployment.desktop(ana.desktop)).state, { since: 'since' in state ? state.since : '?' });
});

chapter('the keys that the tab shows lead back to the list; the desktop goes on', async (t) => {
  await backToList(machine(ana.pc));
  await machine(ana.pc).screenshot('8-list-again');
  await eventually('the viewer is gone', LIMITS.answer, async () => {
    const { state } = await deployment.desktop(ana.desktop);
    return state.kind === 'running' && state.viewers === 0;
  });
  t.pass('the desktop runs without a viewer');
});

chapter('the server loses power: the PC says so, and comes back by itself', async (t) => {
  const pc = machine(ana.pc);
  await eventually("bob's desktop has written something", LIMITS.desktop, async () => probe.newest > 0);
  await server.powerCut();
  await pc.display.waitForText(/connection to the server is\b|does not answer/i, LIMITS.answer);
  await pc.screenshot('9-server-lost');
  await deployment.startServer();
  await pc.display.waitForText(LIST, LIMITS.answer);
  await pc.screenshot('10-server-back');
  for (const { user, desktop } of [ana, bob]) {
    const known = await deployment.desktop(desktop);
    t.match(known, { name: desktop, owner: user }, `${desktop} is still known`);
    t.not(known.state.kind, 'running', `${desktop} lost its power, too`);
  }
});

chapter('after the power cut the desktop starts again, with the disk that it had', async (t) => {
  const told = probe.newest;
  const starts = probe.starts.length;
  await deployment.flexdeploy(['desktop', 'start', bob.desktop]);
  await eventually('it has started and writes again', LIMITS.desktop, async () => {
    return probe.starts.length > starts && probe.newest > told;
  });
  const after = probe.starts.at(-1)?.after ?? 0;
  t.ok(after >= told, `it found record ${after}; the last one that it had told was ${told}`);
});

chapter('log-out ends the session and its tunnel, and leads to the login screen', async (t) => {
  const pc = machine(ana.pc);
  const address = await tunnelAddress(ana.user, ana.pc);
  await logOut(pc);
  await pc.screenshot('13-logged-out');
  t.notOk((await deployment.sessions()).some((s) => s.user === ana.user));
  t.notMatch((await server.shell('wg show wg0 allowed-ips')).output, address, 'the server has no peer of hers');
});
