import type { Deployment } from '../deployment.ts';
import { backToList, logIn, logOut, openDesktop, waitForDesktop, writeInEditor } from '../kiosk-walk.ts';
import type { Machine } from '../machine.ts';
import type { Steps } from './steps.ts';

const SENTENCE = 'One stick, any PC, your desktop.';

/** Walks the whole way of a person through the kiosk. Every step is seen on the PC's screen and asked of the server. */
export async function walk(
  steps: Steps,
  deployment: Deployment,
  pc: Machine,
  person: { user: string; password: string; desktop: string },
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

async function expectState(deployment: Deployment, name: string, kind: string): Promise<void> {
  const { state } = await deployment.desktop(name);
  if (state.kind !== kind) throw new Error(`the server says the desktop ${name} is ${JSON.stringify(state)}`);
}
