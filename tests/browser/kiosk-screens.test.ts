import axe from 'axe-core';
import type { Page } from 'playwright-core';
import t from 'tap';
import { openKiosk, picture, settled } from './kiosk-page.ts';
import { CASES, stateOf } from './kiosk-states.ts';

const LANGUAGES = ['en', 'pt'] as const;
const SIZES = [
  { width: 1024, height: 768 },
  { width: 1280, height: 800 },
] as const;

const { page, runtime, errors } = await openKiosk(t);
await page.evaluate(axe.source);

let shown = 0;

/** Shows a case and waits until the page has it. */
async function show(name: string, language: 'en' | 'pt'): Promise<string> {
  // Two cases can have the same kind of screen; the version in the status bar tells that this one is drawn.
  const version = `0.1.${++shown}`;
  runtime.push({ ...stateOf(name, language), version });
  await page.locator('.status-facts').getByText(version, { exact: true }).waitFor();
  await page.locator(`html[lang="${language === 'en' ? 'en-GB' : 'pt-PT'}"]`).waitFor();
  await page.locator(`.on-${CASES[name]?.screen.kind}`).waitFor();
  await settled(page);
  return page.locator('body').innerText();
}

/** Elements whose text does not fit: cut off, running out of their box, or out of the window sideways. */
async function overflows(target: Page): Promise<string[]> {
  return target.evaluate(() => {
    const found: string[] = [];
    for (const e of document.querySelectorAll<HTMLElement>('body *:not(.visually-hidden)')) {
      if (e.closest('svg, .visually-hidden') || e.clientWidth === 0) continue;
      const box = e.getBoundingClientRect();
      const what = `<${e.tagName.toLowerCase()} class="${e.className}"> ${e.textContent?.slice(0, 40)}`;
      if (e.scrollWidth > e.clientWidth + 1) found.push(`too wide: ${what}`);
      if (box.left < -1 || box.right > innerWidth + 1) found.push(`outside the window: ${what}`);
    }
    return found;
  });
}

/** Words of buttons that stand in two lines. */
async function brokenWords(target: Page): Promise<string[]> {
  return target.evaluate(() => {
    const found: string[] = [];
    for (const button of document.querySelectorAll('button')) {
      const texts = document.createTreeWalker(button, NodeFilter.SHOW_TEXT);
      for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        for (const { 0: word, index } of (text.textContent ?? '').matchAll(/\S+/g)) {
          const range = document.createRange();
          range.setStart(text, index);
          range.setEnd(text, index + word.length);
          if (new Set([...range.getClientRects()].map(({ top }) => top)).size > 1) found.push(word);
        }
      }
    }
    return found;
  });
}

for (const language of LANGUAGES) {
  await t.test(`every state is told in words (${language})`, async (t) => {
    for (const [name, { [language]: words }] of Object.entries(CASES)) {
      const text = await show(name, language);
      for (const word of words) t.ok(text.includes(word), `${name} says “${word}”`, { text });
      await picture(page, `kiosk-${name}-${language}`);
    }
  });
}

for (const size of SIZES) {
  await t.test(`no text is cut or runs out at ${size.width} x ${size.height}`, async (t) => {
    await page.setViewportSize(size);
    for (const language of LANGUAGES)
      for (const name of Object.keys(CASES)) {
        await show(name, language);
        t.same(await overflows(page), [], `${name} in ${language}`);
        t.same(await brokenWords(page), [], `${name} in ${language}: every word in one line`);
      }
  });
}

await t.test('what is to be done is in sight without scrolling at 1024 x 768', async (t) => {
  await page.setViewportSize(SIZES[0]);
  for (const language of LANGUAGES)
    for (const name of Object.keys(CASES)) {
      await show(name, language);
      const hidden = await page.evaluate(() => {
        const bottom = document.querySelector('main')?.getBoundingClientRect().bottom ?? 0;
        const buttons = [...document.querySelectorAll<HTMLElement>('main .card .button')];
        return buttons.filter((b) => b.getBoundingClientRect().bottom > bottom).map((b) => b.textContent);
      });
      t.same(hidden, [], `${name} in ${language}`);
    }
});

await t.test('4K shows the same, larger', async (t) => {
  await page.setViewportSize({ width: 3840, height: 2160 });
  for (const name of ['login', 'desktops-many', 'unreachable']) {
    await show(name, 'en');
    t.same(await overflows(page), [], name);
    await picture(page, `kiosk-${name}-4k`);
  }
  const size = await page.evaluate(() => Number.parseFloat(getComputedStyle(document.documentElement).fontSize));
  t.ok(size > 30, `letters of ${size} pixels`);
});

await t.test('roles, names and contrast are right on every screen (axe, WCAG 2.2 A and AA)', async (t) => {
  await page.setViewportSize(SIZES[1]);
  for (const name of Object.keys(CASES)) {
    await show(name, 'en');
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const result = await axe.run({ runOnly: tags, resultTypes: ['violations'] });
      return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join('; ')}`);
    });
    t.same(violations, [], name);
    const ids = await page.evaluate(() => [...document.querySelectorAll('[id]')].map((e) => e.id));
    t.equal(new Set(ids).size, ids.length, `${name}: every id is there once`);
  }
});

await t.test('text on the shaded ground has the contrast of AA too, which axe cannot judge', async (t) => {
  await show('desktops-many', 'en');
  const colours = await page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    const text = [
      ...document.querySelectorAll('.desktops-head h1, .desktops-head p, .account-name, .wordmark, .wordmark b'),
    ];
    return {
      grounds: ['--ground-top', '--ground-bottom'].map((v) => style.getPropertyValue(v)),
      inks: text.map((e) => getComputedStyle(e).color),
    };
  });
  t.ok(colours.inks.length >= 5);
  for (const ground of colours.grounds)
    for (const ink of colours.inks) t.ok(contrast(parse(ink), parse(ground)) >= 4.5, `${ink} on ${ground}`);
});

await t.test('the page is complete by itself and keeps its own security policy', async (t) => {
  t.same(errors, [], 'nothing was refused or failed');
  t.equal(runtime.nonsense, 0, 'nothing was said that is no command');
  const outside = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .filter((r) => !r.name.startsWith(location.origin))
      .map((r) => r.name),
  );
  t.same(outside, [], 'nothing came from elsewhere');
  t.ok(await page.evaluate(() => document.fonts.check('16px Inter')), 'our typeface is there');
});

/** `rgb(1, 2, 3)` or `#abc` or `#aabbcc` */
function parse(colour: string): number[] {
  const text = colour.trim();
  if (!text.startsWith('#')) return (text.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
  const hex = text.length === 4 ? text.replaceAll(/[^#]/g, '$&$&') : text;
  return [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
}

/** WCAG 2.2: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrast(a: number[], b: number[]): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(rgb: number[]): number {
  const [r = 0, g = 0, b = 0] = rgb.map((c) => {
    const s = c / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
