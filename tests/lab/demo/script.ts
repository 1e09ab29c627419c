import type { Desktop } from '#common/protocol/desktop.ts';
import type { Deployment } from '../deployment.ts';
import { eventually } from '../eventually.ts';
import {
  backToList,
  keepCopy,
  logIn,
  logOut,
  moveByAgent,
  openAgent,
  openDesktop,
  waitForDesktop,
  writeInEditor,
} from '../kiosk-walk.ts';
import type { Machine } from '../machine.ts';
import type { Steps } from './steps.ts';

const SENTENCE = 'One stick, any PC, your desktop.';

/** Walks the whole way of a person through the kiosk. Every step is seen on the PC's screen and asked of the server. */
export async function walk(
  steps: Steps,
  deployment: Deployment,
  pc: Machine,
  person: { user: string; password: string; desktop: string; disk: string },
): Promise<void> {
  let shots = 1;
  const picture = async (name: string) => {
    shots += 1;
    return pc.screenshot(`${String(shots).padStart(2, '0')}-${name}`);
  };
  await steps.run(`log in as ${person.user} at the kiosk`, async () => {
    await logIn(pc, person);
    await expectSession(deployment, person.user, true);
    await picture('desktops');
  });
  await steps.run('open the desktop with the mouse', async () => {
    await openDesktop(pc);
    await expectState(deployment, person.desktop, 'running');
    await picture('desktop');
  });
  await steps.run('write a sentence in the desktop', async () => {
    await writeInEditor(pc, SENTENCE);
    await picture('typed');
  });
  await steps.run('go back to the list by the keyboard', async () => {
    await backToList(pc);
    await picture('list-again');
  });
  await steps.run('open the desktop again: it is as it was', async () => {
    await openDesktop(pc);
    await waitForDesktop(pc);
    await picture('as-it-was');
    await backToList(pc);
  });
  await steps.run("keep a copy on this PC's disk, chosen and confirmed", async () => {
    await keepCopy(pc, person.disk, picture);
    await waitFor(deployment, person.desktop, 'being copied', (d) => d.attachment?.state.kind === 'syncing');
    await picture('copying');
  });
  await steps.run('move it to this PC with the agent in the desktop, while the copy is still being made', async () => {
    await openDesktop(pc);
    await openAgent(pc);
    await picture('agent-on-the-server');
    await moveByAgent(pc, 'pc');
    await waitFor(deployment, person.desktop, 'on the PC', (d) => d.holder !== undefined && !d.move);
    await picture('agent-on-this-pc');
  });
  await steps.run('and back to the server', async () => {
    await moveByAgent(pc, 'server');
    await waitFor(deployment, person.desktop, 'on the server', (d) => d.holder === undefined && !d.move);
    await picture('agent-back-on-the-server');
    await backToList(pc);
  });
  await steps.run('log out', async () => {
    await logOut(pc);
    await expectSession(deployment, person.user, false);
    await picture('logged-out');
  });
}

async function expectSession(deployment: Deployment, user: string, there: boolean): Promise<void> {
  const sessions = await deployment.sessions();
  if (sessions.some((s) => s.user === user) !== there) {
    throw new Error(`the server ${there ? 'knows no' : 'still has a'} session of ${user}`);
  }
}

/** Waits until the server says that a desktop is as wanted; minutes, since a first copy of gigabytes may be meant. */
async function waitFor(deployment: Deployment, name: string, what: string, isSo: (desktop: Desktop) => boolean) {
  await eventually(`the desktop is ${what}`, 30 * 60_000, async () => isSo(await deployment.desktop(name)));
}

async function expectState(deployment: Deployment, name: string, kind: string): Promise<void> {
  const { state } = await deployment.desktop(name);
  if (state.kind !== kind) throw new Error(`the server says the desktop ${name} is ${JSON.stringify(state)}`);
}
