/**
 * Two PCs, two people, two desktops: nothing of one is within reach of the other. The attacks are raw connections made
 * by root inside a PC, since a stick can be changed by whoever holds it: only the server's side counts.
 */
import t from 'tap';
import { labTest } from './harness.ts';
import { logIn, openDesktop, waitForLogin } from './kiosk-walk.ts';
import type { Machine } from './machine.ts';

const { deployment, chapter } = await labTest(t, 'isolation', {
  images: ['client-debug', 'server-debug', 'desktop'],
  serverDebug: true,
  memoryGiB: 11,
});
const ana = { user: 'ana', password: 'first person 1', desktop: 'ana-desk', pc: 'pc-of-ana' };
const bob = { user: 'bob', password: 'second person 2', desktop: 'bob-desk', pc: 'pc-of-bob' };
const SERVER = '10.86.0.1';

const machine = (name: string): Machine => {
  const found = deployment.lab.machines.find((m) => m.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
};

/** Tries a TCP connection from inside a PC. `from` is the source address. */
async function connects(pc: Machine, host: string, port: number, from?: string): Promise<boolean> {
  const local = from ? `localAddress: '${from}',` : '';
  const script = `
    const s = require('node:net').connect({ host: '${host}', port: ${port}, ${local} timeout: 6000 });
    const end = (word) => { console.log(word); process.exit(0); };
    s.on('connect', () => end('OPEN')).on('timeout', () => end('NO ANSWER')).on('error', (e) => end('NO ' + e.code));`;
  const { output } = await pc.shell(`/usr/lib/flexdeploy/node -e '${script.replaceAll("'", `'\\''`)}'`, 120_000);
  const word = output.trim().split('\n').at(-1) ?? '';
  if (word !== 'OPEN' && !word.startsWith('NO ')) throw new Error(`the attempt itself failed: ${output}`);
  return word === 'OPEN';
}

/** An API request from inside a PC with a person's own token, got by their password. Returns status and body. */
async function api(
  pc: Machine,
  person: { user: string; password: string },
  method: string,
  path: string,
): Promise<{ status: number; body: string }> {
  const script = `
    const { request } = require('node:https');
    const [host, port] = '${deployment.address}'.split(':');
    const ask = (method, path, token, body) => new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', ...(token && { authorization: 'Bearer ' + token }) };
      const r = request({ host, port, method, path: '/api/v1' + path, headers, rejectUnauthorized: false }, (answer) => {
        let text = '';
        answer.on('data', (d) => { text += d; }).on('end', () => resolve({ status: answer.statusCode, body: text }));
      });
      r.on('error', reject).end(body);
    });
    (async () => {
      const login = await ask('POST', '/sessions', '', JSON.stringify(${JSON.stringify({ user: person.user, password: person.password })}));
      const token = JSON.parse(login.body).token;
      if (!token) throw new Error(login.body);
      const answer = await ask('${method}', '${path}', token, ${method === 'POST' ? "'{}'" : 'undefined'});
      await ask('DELETE', '/sessions/current', token);
      console.log('ANSWER ' + JSON.stringify(answer));
    })();`;
  const { output } = await pc.shell(`/usr/lib/flexdeploy/node -e '${script.replaceAll("'", `'\\''`)}'`, 120_000);
  const [, json] = /^ANSWER (.*)$/m.exec(output) ?? [];
  if (!json) throw new Error(`the request itself failed: ${output}`);
  return JSON.parse(json) as { status: number; body: string };
}

/** Port on which QEMU of a desktop listens for viewers. */
async function spicePort(desktop: string): Promise<number> {
  const { id } = await deployment.desktop(desktop);
  const { output } = await deployment.server.shell(
    `for p in $(grep -la -e ${id} /proc/[0-9]*/cmdline | cut -d/ -f3); do ss -Hltnp | grep "pid=$p,"; done`,
  );
  const [, port] = new RegExp(`${SERVER.replaceAll('.', '\\.')}:(\\d+)`).exec(output) ?? [];
  if (!port) throw new Error(`no SPICE port of ${desktop} on the server: ${output}`);
  return Number(port);
}

async function tunnelAddress(user: string, pc: string): Promise<string> {
  const session = (await deployment.sessions()).find((s) => s.user === user && s.machineName === pc);
  if (!session?.tunnelAddress) throw new Error(`${user} has no tunnel`);
  return session.tunnelAddress;
}

chapter('two people log in on two PCs and open a desktop each', async (t) => {
  await deployment.startServer();
  await deployment.setUp();
  await deployment.importSampleDesktop();
  for (const person of [ana, bob]) {
    await deployment.addPerson(person.user, person.password, person.desktop);
    const pc = await deployment.pc(person.pc, { debug: true });
    await pc.start();
    await waitForLogin(pc);
    await logIn(pc, person);
    await openDesktop(pc);
    await pc.screenshot(`${person.user}-desktop`);
  }
  t.not(await spicePort(ana.desktop), await spicePort(bob.desktop), 'each desktop has a port of its own');
});

chapter("a PC reaches its own desktop's port, and no other's", async (t) => {
  for (const [person, other] of [
    [ana, bob],
    [bob, ana],
  ] as const) {
    const pc = machine(person.pc);
    t.ok(await connects(pc, SERVER, await spicePort(person.desktop)), `${person.user} reaches the own desktop`);
    t.notOk(
      await connects(pc, SERVER, await spicePort(other.desktop)),
      `${person.user} does not reach ${other.desktop}`,
    );
  }
});

chapter("a PC that takes the other's tunnel address gets nowhere", async (t) => {
  const pc = machine(bob.pc);
  const stolen = await tunnelAddress(ana.user, ana.pc);
  await pc.shell(`ip address add ${stolen}/32 dev flexdeploy0`);
  t.notOk(await connects(pc, SERVER, await spicePort(ana.desktop), stolen), "ana's desktop from ana's address");
  await pc.shell(`ip address del ${stolen}/32 dev flexdeploy0`);
});

chapter('a PC does not reach the other PC through the tunnel', async (t) => {
  const pc = machine(bob.pc);
  const address = await tunnelAddress(ana.user, ana.pc);
  const listener = `require("node:http").createServer((q, a) => a.end("ana")).listen(7777, "${address}")`;
  await machine(ana.pc).shell(`setsid /usr/lib/flexdeploy/node -e '${listener}' >/dev/null 2>&1 & sleep 3`);
  t.ok(await connects(machine(ana.pc), address, 7777), 'something listens there');
  await pc.shell(
    `wg set flexdeploy0 peer "$(wg show flexdeploy0 peers)" allowed-ips ${SERVER}/32,${address}/32; ip route replace ${address}/32 dev flexdeploy0`,
  );
  t.notOk(await connects(pc, address, 7777));
});

chapter("with the own token the API shows and does nothing with the other's desktop", async (t) => {
  const pc = machine(bob.pc);
  const { id } = await deployment.desktop(ana.desktop);
  const list = await api(pc, bob, 'GET', '/desktops');
  t.equal(list.status, 200);
  t.same(
    (JSON.parse(list.body) as { name: string }[]).map((d) => d.name),
    [bob.desktop],
    'the list has only the own one',
  );
  for (const [method, path] of [
    ['GET', ''],
    ['POST', '/start'],
    ['POST', '/viewer'],
    ['POST', '/shut-down'],
    ['POST', '/force-off'],
    ['DELETE', ''],
  ] as const) {
    const { status } = await api(pc, bob, method, `/desktops/${id}${path}`);
    t.ok(status === 403 || status === 404, `${method} /desktops/ID${path} is answered with ${status}`);
  }
  t.equal((await api(pc, bob, 'GET', '/users')).status, 403, 'accounts are not for users to see');
  t.equal((await deployment.desktop(ana.desktop)).state.kind, 'running', 'the desktop did not notice');
});

chapter('without a tunnel nothing of the tunnel is reached', async (t) => {
  const pc = machine(bob.pc);
  const port = await spicePort(bob.desktop);
  await pc.shell('ip link delete flexdeploy0');
  t.notOk(await connects(pc, SERVER, port));
});
