/** A kiosk page in Chromium with a stand-in for the runtime behind it; what every browser test of the kiosk starts from. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Test } from 'tap';
import { bundleKioskPage } from '../../client-runtime/kiosk/bundle-page.ts';
import { launchBrowser } from './browser.ts';
import { FakeRuntime } from './fake-runtime.ts';
import { CASES, kioskState, stateOf } from './kiosk-states.ts';

/** Where the pictures of a run are left for people to look at. */
const PICTURES = join(import.meta.dirname, '../../out/browser');

export interface Kiosk {
  browser: Browser;
  page: Page;
  runtime: FakeRuntime;
  /** What the page or its Content-Security-Policy raised, and what was asked for and is not there. */
  errors: string[];
  /** Shows a screen on a page that has forgotten everything before, as after a log-out. */
  fresh(name: string, language?: 'en' | 'pt'): Promise<void>;
}

/** Everything is taken down when the test `t` ends. */
export async function openKiosk(t: Test, size = { width: 1280, height: 800 }): Promise<Kiosk> {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-kiosk-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await bundleKioskPage(folder);
  const runtime = new FakeRuntime(folder, kioskState({ kind: 'starting' }));
  await runtime.start();
  t.teardown(() => runtime.stop());
  const browser = await launchBrowser();
  t.teardown(() => browser.close());
  const page = await browser.newPage({ viewport: size, reducedMotion: 'reduce' });
  page.setDefaultTimeout(5000);
  t.setTimeout(120_000);
  const errors: string[] = [];
  page.on('console', (m) => m.type() === 'error' && errors.push(m.text()));
  page.on('response', (r) => r.status() >= 400 && errors.push(`${r.status()} ${r.url()}`));
  page.on('pageerror', (e) => errors.push(String(e)));
  await page.goto(runtime.url);
  await mkdir(PICTURES, { recursive: true });
  const fresh = async (name: string, language: 'en' | 'pt' = 'en') => {
    runtime.push(stateOf('starting', language));
    await page.locator('.on-starting').waitFor();
    await page.mouse.move(5, 300);
    runtime.push(stateOf(name, language));
    await page.locator(`.on-${CASES[name]?.screen.kind}`).waitFor();
    await settled(page);
    runtime.commands.length = 0;
  };
  return { browser, page, runtime, errors, fresh };
}

export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

/** Two frames: by then Preact has drawn what was pushed before. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0)))));
}

/** What a screen reader would call the element that has the focus: its role or tag, and its name. */
export async function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const e = document.activeElement;
    if (!e || e === document.body) return 'nothing';
    const label = e.getAttribute('aria-label') ?? (e as HTMLInputElement).labels?.[0]?.textContent ?? e.textContent;
    return `${e.getAttribute('role') ?? e.tagName.toLowerCase()} ${label?.trim()}`;
  });
}

/** Presses Tab until an element is reached; every stop on the way has a focus ring one can see. Returns the stops. */
export async function tabTo(t: Test, page: Page, wanted: string): Promise<string[]> {
  const stops: string[] = [];
  while (stops.length < 15) {
    await page.keyboard.press('Tab');
    const stop = await focused(page);
    // Past the last element the focus leaves the page for a moment, as it would for the browser's own buttons.
    if (stop === 'nothing') continue;
    stops.push(stop);
    const ring = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement ?? document.body);
      return { style: style.outlineStyle, width: Number.parseFloat(style.outlineWidth) };
    });
    t.ok(ring.style === 'solid' && ring.width >= 2, `${stop} shows that it has the focus`, ring);
    if (stop === wanted) return stops;
  }
  throw new Error(`Tab does not lead to “${wanted}”: ${stops.join(', ')}`);
}
