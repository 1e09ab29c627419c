/** The agent's page in Chromium, with the real service and page server behind it; only the host is played. */
import { mkdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import axe from 'axe-core';
import t from 'tap';
import WebSocket from 'ws';
import { AgentPort } from '#common/agent/port.ts';
import { UserError } from '#common/errors.ts';
import type { AgentStatus, Wish } from '#common/protocol/host-guest.ts';
import { bundleAgentPage } from '../../guest-agent/page/bundle-page.ts';
import { AgentService } from '../../guest-agent/service.ts';
import { PageServer } from '../../guest-agent/windows/page-server.ts';
import { SYNC_KINDS, statusOf } from '../unit/agent/agent-status.ts';
import { SerialLine } from '../unit/agent/serial-line.ts';
import { launchBrowser } from './browser.ts';

const PICTURES = join(import.meta.dirname, '../../out/browser');
t.setTimeout(120_000);
await mkdir(PICTURES, { recursive: true });

const line = await SerialLine.make(t);
await line.powerOn();
const control = join(line.folder, 'control.sock');
const service = new AgentService({ port: line, control, version: '1.2.3', log: () => {} });
await service.start();
t.teardown(() => service.stop());

let status: AgentStatus = statusOf('none', 'server');
const wishes: Wish[] = [];
let refusal: UserError | undefined;
let port: AgentPort;
const startHost = () => {
  port = new AgentPort({
    socket: line.socket,
    status: () => status,
    onWish: async (wish) => {
      wishes.push(wish);
      if (refusal) throw refusal;
    },
    log: (text) => t.comment(text),
  });
};
startHost();
t.teardown(() => port.close());

await bundleAgentPage(join(line.folder, 'page'));
let alone = 0;
const server = new PageServer({
  file: (name) => readFile(join(line.folder, 'page', name)),
  control,
  onAlone: () => alone++,
});
const url = await server.start();
t.teardown(() => server.stop());

const browser = await launchBrowser();
t.teardown(() => browser.close());
const errors: string[] = [];
const page = await browser.newPage({ viewport: { width: 760, height: 700 }, reducedMotion: 'reduce', locale: 'en-GB' });
page.setDefaultTimeout(5000);
page.on('console', (m) => m.type() === 'error' && errors.push(m.text()));
page.on('pageerror', (e) => errors.push(String(e)));
await page.goto(url);
await page.evaluate(axe.source);

const move = { to: 'pc', since: '2026-11-22T10:00:00Z', phase: 'copyingMemory', percent: 35 } as const;
const back = { ...move, to: 'server', phase: 'switchingOver', percent: 90 } as const;
const CASES: Record<string, { status: AgentStatus; en: string; pt: string }> = {
  ...Object.fromEntries(
    SYNC_KINDS.map((kind) => [
      `server-${kind}`,
      { status: statusOf(kind, 'server'), en: 'runs on the server', pt: 'está no servidor' },
    ]),
  ),
  'server-none': { status: statusOf('none', 'server'), en: 'disk is not used', pt: 'não é usado' },
  'pc-syncing': { status: statusOf('syncing', 'pc'), en: 'runs on this PC', pt: 'está neste PC' },
  'pc-inSync': { status: statusOf('inSync', 'pc'), en: 'Both copies are the same', pt: 'As duas cópias são iguais' },
  'pc-alone': { status: statusOf('disconnected', 'pc'), en: 'No connection between', pt: 'Sem ligação entre' },
  'moving-to-pc': {
    status: statusOf('syncing', 'server', { move }),
    en: 'is moving to this PC',
    pt: 'está a vir para este PC',
  },
  'moving-back': {
    status: statusOf('inSync', 'pc', { move: back }),
    en: 'is moving to the server',
    pt: 'está a ir para o servidor',
  },
  'server-notice': {
    status: statusOf('inSync', 'server', {
      notice: { at: '2026-11-22T10:00:00Z', text: 'The PC ran out of memory. The desktop is where it was.' },
    }),
    en: 'ran out of memory',
    pt: 'ran out of memory',
  },
};

/** Shows a case and waits until the page has it. */
async function show(name: string, language: 'en' | 'pt'): Promise<void> {
  const wanted = CASES[name];
  if (!wanted) throw new Error(name);
  status = { ...wanted.status, server: { name: `school ${Math.random().toString(36).slice(2, 8)}` } };
  port.update();
  await page.getByRole('button', { name: language === 'en' ? 'English' : 'Português' }).click();
  await page.locator('.picture').getByText(status.server.name).waitFor();
  await page.locator('body', { hasText: wanted[language] }).waitFor();
}

for (const language of ['en', 'pt'] as const) {
  await t.test(`every state is told in words and fits (${language})`, async (t) => {
    for (const name of Object.keys(CASES)) {
      await show(name, language);
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>('body *')]
          .filter((e) => !e.closest('svg') && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
          .map((e) => e.outerHTML.slice(0, 80)),
      );
      t.same(wide, [], name);
      await page.screenshot({ path: join(PICTURES, `agent-${name}-${language}.png`) });
    }
  });
}

await t.test('roles, names and contrast are right (axe, WCAG 2.2 A and AA)', async (t) => {
  for (const name of Object.keys(CASES)) {
    await show(name, 'en');
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const result = await axe.run({ runOnly: tags, resultTypes: ['violations'] });
      return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join('; ')}`);
    });
    t.same(violations, [], name);
  }
});

await t.test('by keyboard alone: the arrow moves the desktop, a greyed one says why and does nothing', async (t) => {
  await show('server-syncing', 'en');
  wishes.length = 0;
  await page.locator('body').click({ position: { x: 2, y: 2 } });
  await page.keyboard.press('Tab');
  t.equal(await page.evaluate(() => document.activeElement?.textContent), 'Work on this PC');
  await page.keyboard.press('Enter');
  for (let i = 0; i < 200 && wishes.length === 0; i++) await sleep(10);
  t.same(wishes, ['moveHere']);
  await page.getByRole('button', { name: 'Work on this PC' }).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  for (let i = 0; i < 200 && wishes.length === 1; i++) await sleep(10);
  t.same(wishes, ['moveHere', 'pause']);
  await show('pc-alone', 'en');
  const button = page.getByRole('button', { name: 'Work on the server' });
  t.equal(await button.getAttribute('aria-disabled'), 'true');
  await button.click({ force: true });
  await sleep(100);
  t.equal(wishes.length, 2, 'a greyed button asks nothing');
  t.match(await page.locator('.wish.big .why').innerText(), /not connected/);
});

await t.test('a refusal is shown in the words of the host, until it is closed', async (t) => {
  await show('server-syncing', 'en');
  refusal = new UserError('This PC has too little memory.', { hint: 'Close something.' });
  await page.getByRole('button', { name: 'Work on this PC' }).click();
  await page.getByRole('alert').getByText('This PC has too little memory. Close something.').waitFor();
  await page.screenshot({ path: join(PICTURES, 'agent-refused-en.png') });
  await page.getByRole('button', { name: 'Close' }).click();
  t.equal(await page.getByRole('alert').count(), 0);
  refusal = undefined;
});

await t.test('a host that is away is told, and what was known last stays in sight', async (t) => {
  await show('server-inSync', 'en');
  port.close();
  await line.powerOff();
  await page.getByText('Nobody answers').waitFor();
  await page.screenshot({ path: join(PICTURES, 'agent-away-en.png') });
  t.equal(await page.getByRole('button', { name: 'Work on this PC' }).getAttribute('aria-disabled'), 'true');
  await line.powerOn();
  startHost();
  await page.getByText('Nobody answers').waitFor({ state: 'detached' });
});

await t.test('nobody without the token of the window gets in', async (t) => {
  const { port: number } = new URL(url);
  const origin = `http://127.0.0.1:${number}`;
  const attempt = (options: { protocol?: string; origin?: string; host?: string }) =>
    new Promise<string>((resolve) => {
      const { protocol, ...headers } = options;
      const socket = new WebSocket(`ws://127.0.0.1:${number}/agent`, protocol ? [protocol] : [], { headers });
      socket.on('open', () => {
        socket.terminate();
        resolve('open');
      });
      socket.on('error', (error) => resolve(error.message));
    });
  const token = `token.${url.split('#')[1]}`;
  t.match(await attempt({ origin }), /403/, 'no token');
  t.match(await attempt({ origin, protocol: 'token.wrong' }), /403/, 'a wrong token');
  t.match(await attempt({ origin: 'http://evil.example', protocol: token }), /403/, 'another page');
  t.match(await attempt({ origin, protocol: token, host: 'evil.example' }), /403/, 'another name');
  t.equal(await attempt({ origin, protocol: token }), 'open');
  const get = (path: string, headers = {}) =>
    new Promise<number | undefined>((resolve) =>
      request({ host: '127.0.0.1', port: number, path, headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).end(),
    );
  t.equal(await get('/'), 200);
  t.equal(await get('/', { host: 'evil.example' }), 421);
  t.equal(await get('/../control.sock'), 404);
});

await t.test('the page raised no error', async (t) => {
  t.same(
    errors.filter((e) => !e.includes('WebSocket')),
    [],
  );
  await page.close();
  for (let i = 0; i < 100 && alone === 0; i++) await sleep(20);
  t.ok(alone > 0, 'the server is told that the window has gone');
});
