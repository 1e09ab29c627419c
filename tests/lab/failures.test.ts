/** Everything that can be wrong between a PC and its server, made to happen, and what the kiosk says about it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { BootConfig } from '#common/protocol/config.ts';
import { makeEmulatorFault } from './emulator-fault.ts';
import { eventually } from './eventually.ts';
import { labTest } from './harness.ts';
import { LIST, logIn, waitForLogin } from './kiosk-walk.ts';
import { freeTcpPort } from './network.ts';

const { deployment, chapter } = await labTest(t, 'failures', { images: ['client-debug', 'server'], memoryGiB: 7 });
const MESSAGE_MS = 300_000;
const bob = { user: 'bob', password: 'one-2-three' };
const pc = () => {
  const machine = deployment.lab.machines.find((m) => m.name === 'pc');
  if (!machine) throw new Error('the PC was not made');
  return machine;
};

/** As if the stick had been edited on another computer and the PC restarted, without the wait for the restart. */
async function configure(config: BootConfig | string): Promise<void> {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  const { code, output } = await pc().shell(
    `printf %s '${text.replaceAll("'", `'\\''`)}' >/run/flexdeploy/flexdeploy.json && systemctl restart flexdeploy-runtime`,
  );
  if (code !== 0) throw new Error(`the runtime was not restarted: ${output}`);
}

/** Waits for words on the kiosk and keeps the picture. */
async function says(words: RegExp, picture: string): Promise<void> {
  await pc().display.waitForText(words, MESSAGE_MS);
  await pc().screenshot(picture);
}

chapter('with everything in order the login screen shows', async () => {
  await deployment.startServer();
  await deployment.setUp();
  await deployment.flexdeploy(['user', 'add', bob.user, '--password-stdin'], { input: bob.password });
  const nics = [{}, { alone: true }];
  const machine = await deployment.pc('pc', { debug: true, nics });
  await machine.start();
  await machine.cutLink(1);
  await waitForLogin(machine);
});

chapter('what draws the page keeps ending: the kiosk says so, and shows the page when it lasts', async () => {
  const killer = `while :; do pkill -KILL WebKitWebProces; sleep 0.2; done`; // the kernel keeps 15 characters of a name
  await pc().shell(`systemd-run --unit=page-killer sh -c '${killer}'`);
  await says(/screen cannot be shown/i, 'page-keeps-ending');
  await pc().shell('systemctl stop page-killer');
  await waitForLogin(pc(), MESSAGE_MS);
});

chapter('no cable: the kiosk says so, and goes on by itself when it is plugged in', async () => {
  await pc().cutLink(0);
  await says(/cable is not connected/i, 'no-cable');
  await pc().healLink(0);
  await waitForLogin(pc(), MESSAGE_MS);
});

chapter('a network without DHCP: the kiosk says that there is no address', async () => {
  await pc().cutLink(0);
  await pc().healLink(1);
  await says(/gave this PC no address/i, 'no-address');
  await pc().cutLink(1);
  await pc().healLink(0);
  await waitForLogin(pc(), MESSAGE_MS);
});

chapter('no network card: the kiosk says so', async () => {
  await pc().shell(
    'for card in /sys/class/net/e*; do echo 1 >"$(readlink -f "$card/device")/../remove"; done; systemctl restart flexdeploy-runtime',
  );
  await says(/No network card/i, 'no-network-card');
  await pc().shell('echo 1 >/sys/bus/pci/rescan');
  await waitForLogin(pc(), MESSAGE_MS);
});

chapter('no server in flexdeploy.json: the kiosk tells how to set one', async () => {
  await configure({});
  await says(/No server is set/i, 'no-server-set');
});

chapter('a name that does not exist: the kiosk says that it was not found', async () => {
  await configure({ server: 'no-such-host.invalid', ca: deployment.ca });
  await says(/name was not found/i, 'name-not-found');
});

chapter('nobody at the address: the kiosk says that the server does not answer', async () => {
  await configure({ server: `10.0.2.2:${await freeTcpPort()}`, ca: deployment.ca });
  await says(/server does not answer/i, 'unreachable');
});

chapter('a server with another certificate: the kiosk refuses it and sends nothing', async () => {
  await configure({ server: deployment.address, ca: `sha256:${'ab'.repeat(32)}` });
  await says(/not the server that was expected/i, 'wrong-certificate');
});

chapter('a wrong key and a bad value in flexdeploy.json are named, and the rest still works', async () => {
  const good = { server: deployment.address, ca: deployment.ca };
  await configure(JSON.stringify({ ...good, keybord: 'pt', language: 'xx' }));
  await waitForLogin(pc(), MESSAGE_MS);
  await says(/keybord[\s\S]*language|language[\s\S]*keybord/i, 'config-problems');
});

chapter('the server is lost while somebody is logged in: the kiosk waits, and the list comes back', async () => {
  await logIn(pc(), bob);
  await deployment.server.freeze();
  await says(/connection to the server is\b/i, 'server-lost');
  await deployment.server.continue();
  await pc().display.waitForText(LIST, MESSAGE_MS);
});

chapter('a processor of the server that the emulator lets sleep for good is woken by the lab', async (t) => {
  const { server, lab } = deployment;
  if (lab.accelerator !== 'tcg') return void t.comment('there is no emulator');
  await eventually('a processor sleeps, and has lost its interrupt flag', 60_000, () => makeEmulatorFault(server));
  const seen = () => readFile(join(lab.results, `${server.name}.processors.txt`), 'utf8');
  await eventually('the lab has seen it', 60_000, async () => (await seen()).includes('HLT=1'));
  await deployment.flexdeploy(['user', 'list'], { timeoutMs: 60_000 });
});
