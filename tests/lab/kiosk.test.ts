/** A person at the kiosk's real screen, seen from the server's side too; and the server dying under it. */
import t from 'tap';
import { eventually } from './eventually.ts';
import { labTest } from './harness.ts';
import {
  backToList,
  logIn,
  logOut,
  openDesktop,
  typeLogin,
  waitForDesktop,
  waitForLogin,
  writeInEditor,
} from './kiosk-walk.ts';

const { deployment, chapter } = await labTest(t, 'kiosk', {
  images: ['server-debug', 'desktop'],
  serverDebug: true,
  memoryGiB: 8,
});
const { server } = deployment;
const ana = { user: 'ana', password: 'Str4nge, but true: "yes"!' };
const DESKTOP = 'ana-desk';
const pcName = 'pc-with-2-gib';
const pc = () => {
  const machine = deployment.lab.machines.find((m) => m.name === pcName);
  if (!machine) throw new Error('the PC was not made');
  return machine;
};

chapter('an administrator sets the server up, imports the sample desktop and makes an account', async (t) => {
  await deployment.startServer();
  await deployment.setUp();
  await deployment.importSampleDesktop();
  await deployment.addPerson(ana.user, ana.password, DESKTOP);
  t.equal((await deployment.desktop(DESKTOP)).state.kind, 'off');
});

chapter('a PC with 2 GiB reaches the login screen', async (t) => {
  const machine = await deployment.pc(pcName, { memoryMiB: 2048 });
  await machine.start();
  await waitForLogin(machine);
  t.ok(await machine.screenshot('1-login'));
});

chapter('a wrong password is refused in words', async (t) => {
  await typeLogin(pc(), { user: ana.user, password: 'not it' });
  await pc().display.waitForText(/not correct/i, 120_000);
  await pc().screenshot('2-wrong-password');
  t.notOk((await deployment.sessions()).some((s) => s.user === ana.user));
});

chapter('the right one shows the list of desktops, and the server knows PC and person', async (t) => {
  // after a refusal the name is still there and the focus is on the password
  await pc().display.type(`${ana.password}\n`);
  await pc().display.waitForText(/Your desktops/i, 120_000);
  await pc().screenshot('3-desktops');
  const session = (await deployment.sessions()).find((s) => s.user === ana.user);
  t.equal(session?.machineName, pcName);
  t.match(session?.tunnelAddress, /^10\.86\.\d+\.\d+$/);
});

chapter('opening a desktop starts it on the server and shows its picture', async (t) => {
  await openDesktop(pc());
  await pc().screenshot('4-desktop');
  const { state } = await deployment.desktop(DESKTOP);
  t.match(state, { kind: 'running', viewers: 1 });
});

chapter('what is typed arrives in the desktop', async (t) => {
  await writeInEditor(pc(), 'Typed through the kiosk.');
  t.ok(await pc().screenshot('5-typed'));
});

chapter('the server process is killed and restarted: the picture goes on', async (t) => {
  const since = (await deployment.desktop(DESKTOP)).state;
  const before = await server.shell('systemctl show -P MainPID flexdeploy-server');
  await server.shell('systemctl kill --signal=KILL flexdeploy-server');
  await pc().display.type(' And on it goes.', 60);
  await pc().display.waitForText(/on\s*it\s*goes/i, 120_000);
  await pc().screenshot('6-server-process-restarted');
  await eventually('the server process runs again', 120_000, async () => {
    const after = await server.shell('systemctl show -P MainPID flexdeploy-server');
    return after.output.trim() !== '0' && after.output !== before.output;
  });
  await eventually('the server finds the desktop running, and its viewer', 120_000, async () => {
    const { state } = await deployment.desktop(DESKTOP);
    return state.kind === 'running' && state.viewers === 1;
  });
  t.match((await deployment.desktop(DESKTOP)).state, { kind: 'running', since: 'since' in since ? since.since : '' });
});

chapter('the keys that the tab shows lead back to the list; the desktop goes on', async (t) => {
  await backToList(pc());
  await pc().screenshot('7-list-again');
  await eventually('the viewer is gone', 120_000, async () => {
    const { state } = await deployment.desktop(DESKTOP);
    return state.kind === 'running' && state.viewers === 0;
  });
  t.pass('the desktop runs without a viewer');
});

chapter('the server loses power: the PC says so, and comes back by itself', async (t) => {
  await server.powerCut();
  await pc().display.waitForText(/connection to the server is gone|does not answer/i, 180_000);
  await pc().screenshot('8-server-lost');
  await deployment.startServer();
  await pc().display.waitForText(/Your desktops/i, 300_000);
  await pc().screenshot('9-server-back');
  t.equal((await deployment.desktop(DESKTOP)).name, DESKTOP, 'accounts and desktops are still known');
});

chapter('after the power cut the desktop starts again, with the disk that it had', async (t) => {
  await openDesktop(pc());
  await waitForDesktop(pc());
  await pc().screenshot('10-desktop-after-power-cut');
  t.match((await deployment.desktop(DESKTOP)).state, { kind: 'running' });
  await backToList(pc());
});

chapter('log-out ends the session and leads to the login screen', async (t) => {
  await logOut(pc());
  await pc().screenshot('11-logged-out');
  t.notOk((await deployment.sessions()).some((s) => s.user === ana.user));
  await logIn(pc(), ana);
  await logOut(pc());
});
