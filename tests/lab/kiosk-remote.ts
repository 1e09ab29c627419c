/** The kiosk driven from inside the PC, by the words that its page uses: for tests whose subject is not the page. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KioskCommand, KioskState, Screen } from '../../client-runtime/kiosk/protocol.ts';
import type { Machine } from './machine.ts';
import { inNode } from './own-node.ts';

/** Tells the runtime one command, as the page would, and returns the state that it then has. Debug images only. */
export async function kiosk(pc: Machine, command?: KioskCommand): Promise<KioskState> {
  const words = Buffer.from(JSON.stringify(command ?? null)).toString('base64');
  const program = `
    const command = JSON.parse(Buffer.from("${words}", "base64"));
    const socket = new WebSocket("ws://127.0.0.1:8080/kiosk", { headers: { origin: "http://127.0.0.1:8080" } });
    const late = setTimeout(() => { console.log("NO ANSWER"); process.exit(1); }, 20000);
    let state;
    const end = () => { clearTimeout(late); console.log("STATE " + state); process.exit(0); };
    socket.onerror = (e) => { console.log("NO " + e.message); process.exit(1); };
    socket.onmessage = (e) => {
      const first = state === undefined;
      state = e.data;
      if (!first) return;
      if (command) socket.send(JSON.stringify(command));
      setTimeout(end, command ? 700 : 0);
    };`;
  const output = await inNode(pc, program, 60_000);
  const [, text] = /^STATE (.*)$/m.exec(output) ?? [];
  if (text === undefined) throw new Error(`the kiosk of ${pc.name} does not answer: ${output.trim()}`);
  return JSON.parse(text) as KioskState;
}

/** Waits until the kiosk's state is as wanted, and returns it. */
export async function kioskIs(
  pc: Machine,
  what: string,
  withinMs: number,
  isSo: (state: KioskState) => boolean,
): Promise<KioskState> {
  let last: KioskState | undefined;
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await sleep(1_000)) {
    last = await kiosk(pc).catch(() => undefined);
    if (last && isSo(last)) return last;
  }
  throw await pc.failure(`: not ${what} within ${withinMs / 1000} s; the kiosk: ${JSON.stringify(last?.screen)}`);
}

/** Screens of somebody who is logged in. */
export const LOGGED_IN: ReadonlySet<Screen['kind']> = new Set(['desktops', 'inUse', 'opening']);

/**
 * Logs in, whatever the screen shows now, unless that is done already: after a fault, what it interrupted goes on beside
 * its healing. Returns when the person is logged in.
 */
export async function logInRemotely(pc: Machine, person: { user: string; password: string }): Promise<void> {
  const there = ({ screen }: KioskState) => LOGGED_IN.has(screen.kind) || (screen.kind === 'login' && !screen.busy);
  const { screen } = await kioskIs(pc, 'at the login screen', 400_000, there);
  if (screen.kind !== 'login') return;
  await kiosk(pc, { do: 'logIn', ...person });
  await kioskIs(pc, 'logged in', 120_000, (s) => LOGGED_IN.has(s.screen.kind));
}
