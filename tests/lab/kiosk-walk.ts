/** What a person does at the kiosk, done with keyboard and mouse and checked on the screen. Used by tests and demo. */
import type { Machine } from './machine.ts';

/**
 * Milliseconds, for machines whose every instruction is translated, on a busy machine: four times what a quiet one was
 * seen to take. A test that passes never waits for them.
 */
export const LIMITS = {
  boot: 600_000,
  answer: 300_000,
  /** Until a click shows something. */
  click: 20_000,
  desktop: 1_200_000,
  window: 300_000,
};

/** What the list of desktops shows, also when it is empty. */
export const LIST = /Your desktops|no desktop yet/i;

/** Waits for the login screen, which needs the network, the server and its certificate to be right. */
export async function waitForLogin(pc: Machine, withinMs = LIMITS.boot): Promise<void> {
  await pc.display.waitForText(/User name[\s\S]*Password/i, withinMs);
}

/** Logs in; returns when the list of desktops is there. The user field has the focus on a fresh login screen. */
export async function logIn(pc: Machine, person: { user: string; password: string }): Promise<void> {
  await typeLogin(pc, person);
  await pc.display.waitForText(LIST, LIMITS.answer);
}

/** Types user and password and sends them, whatever comes of it. */
export async function typeLogin(pc: Machine, person: { user: string; password: string }): Promise<void> {
  await pc.display.type(`${person.user}\t${person.password}\n`);
}

/** Opens a sample desktop from the list with the mouse; returns when its own screen shows. */
export async function openDesktop(pc: Machine): Promise<void> {
  await clickOpen(pc);
  await waitForDesktop(pc);
}

/**
 * Clicks "Open" in the list; returns when the list is gone. It can move under the mouse when the server tells something
 * new: like a person, it clicks again when nothing happens. It may also just be slow: the list may go at any time.
 */
export async function clickOpen(pc: Machine): Promise<void> {
  await pc.display.clickText('Open');
  for (const deadline = Date.now() + LIMITS.answer; !(await pc.display.stopsShowing(LIST, LIMITS.click)); ) {
    if (Date.now() > deadline) throw await pc.failure('shows the list still, after several clicks on "Open"');
    await pc.display.clickIfThere('Open');
  }
}

/** Waits for the sample desktop's icons. */
export async function waitForDesktop(pc: Machine, withinMs = LIMITS.desktop): Promise<void> {
  await pc.display.waitForText(
    /(Terminal|Text editor|Web browser)[\s\S]*(Terminal|Text editor|Web browser)/i,
    withinMs,
  );
}

/** Opens the sample desktop's editor by keyboard, types, and waits until the words are on the screen. */
export async function writeInEditor(pc: Machine, sentence: string): Promise<void> {
  await pc.display.press('meta_l-e');
  await pc.display.waitForText(/Untitled/i, LIMITS.window);
  await pc.display.type(sentence, 60);
  await pc.display.waitForText(likeOnScreen(sentence), LIMITS.window);
}

/**
 * From the list: has the desktop's disk kept on a disk of this PC, too. Chooses the disk by its serial number and confirms
 * with the number's last four characters, as a person would.
 */
export async function keepCopy(
  pc: Machine,
  serial: string,
  picture?: (name: string) => Promise<string>,
): Promise<void> {
  await pc.display.clickText('Keep a copy');
  await pc.display.waitForText(/is overwritten/i, LIMITS.answer);
  await picture?.('disks-of-the-pc');
  await pc.display.clickText(serial.slice(-4)); // marked, and therefore a word of its own
  await pc.display.clickText('Use this disk');
  await pc.display.waitForText(/characters of its serial/i, LIMITS.answer);
  await pc.display.type(serial.slice(-4));
  await picture?.('disk-confirmed');
  await pc.display.press('ret');
  await pc.display.waitForText(LIST, LIMITS.answer);
}

/** Opens the agent's window in the sample desktop, from its terminal. */
export async function openAgent(pc: Machine): Promise<void> {
  await pc.display.press('meta_l-t');
  await pc.display.waitForText(/user@/i, LIMITS.window);
  await pc.display.type('flexdeploy-agent-window & exit\n', 60);
  await pc.display.waitForText(/Your desktop runs on/i, LIMITS.desktop);
}

/** Moves the desktop by the agent's own button, and waits until its window says where it is. */
export async function moveByAgent(pc: Machine, to: 'pc' | 'server'): Promise<void> {
  await pc.display.clickText(to === 'pc' ? 'Work on this PC' : 'Work on the server');
  const there = to === 'pc' ? /runs on this PC/i : /runs on the server/i;
  await pc.display.waitForText(there, LIMITS.desktop);
}

/** Leaves the desktop for the list by the keys that the tab at the top shows. */
export async function backToList(pc: Machine): Promise<void> {
  await pc.display.press('ctrl-alt-home');
  await pc.display.waitForText(LIST, LIMITS.answer);
}

export async function logOut(pc: Machine): Promise<void> {
  await pc.display.clickText('Log out');
  await waitForLogin(pc, LIMITS.answer);
}

/** A sentence as optical recognition may give it back: spaces and line breaks anywhere, and the letters it mixes up. */
export function likeOnScreen(sentence: string): RegExp {
  const like: Record<string, string> = { o: '[o0]', '0': '[o0]', l: '[l1i|]', i: '[l1i|]', '1': '[l1i|]' };
  const letters = [...sentence.toLowerCase().replace(/\s+/g, '')];
  return new RegExp(letters.map((c) => like[c] ?? c.replace(/[^\w]/, '.')).join('\\s*'), 'i');
}
