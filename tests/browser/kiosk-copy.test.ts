/** Keeping a copy on the PC, moving, leaving: what a person does at the kiosk, and what the runtime gets to hear. */
import t from 'tap';
import { DISKS, moving } from './copy-states.ts';
import { RUNNING } from './desktops.ts';
import { focused, openKiosk, picture, settled, tabTo } from './kiosk-page.ts';
import { kioskState, stateOf } from './kiosk-states.ts';

const { page, runtime, errors, fresh } = await openKiosk(t);
const { keyboard } = page;
const { id } = RUNNING;

const question = page.getByRole('dialog', { name: 'Overwrite Samsung SSD 870 EVO?' });

await t.test('by keyboard alone: choose a disk, and confirm by typing what only the disk says', async (t) => {
  await fresh('disks');
  t.equal(await focused(page), 'button No, work remotely', 'the way out has the focus');
  t.ok(await page.getByRole('button', { name: 'Use this disk …' }).isDisabled(), 'nothing is chosen');
  await keyboard.press('Shift+Tab');
  t.match(await focused(page), /WD Blue/, 'back from there are the disks');
  await keyboard.press('ArrowUp');
  t.match(await focused(page), /Samsung/, 'arrow keys go through the disks');
  await keyboard.press('ArrowUp');
  t.match(await focused(page), /WD Blue/, 'past those that cannot be taken');
  await keyboard.press('ArrowDown');
  await tabTo(t, page, 'button Use this disk …');
  await keyboard.press('Enter');
  await question.waitFor();
  t.equal(await focused(page), 'input Last characters of the serial number');
  await picture(page, 'kiosk-disk-question');
  await keyboard.press('Enter');
  await page.getByText('The serial number ends in 702K.').waitFor();
  await keyboard.type('702');
  await keyboard.press('Enter');
  t.ok(await question.getByRole('button', { name: 'Overwrite this disk' }).isDisabled());
  t.same(runtime.commands, [], 'Enter alone does nothing');
  await keyboard.type('k');
  await keyboard.press('Enter');
  t.same(await runtime.nextCommand(), { do: 'keepCopy', id, disk: DISKS[0]?.disk });
  t.equal(await question.count(), 0);
});

await t.test('by mouse, with second thoughts', async (t) => {
  await fresh('disks');
  await page.locator('.disk', { hasText: 'WD Blue SN570 1TB' }).click();
  await page.getByRole('button', { name: 'Use this disk …' }).click();
  const other = page.getByRole('dialog', { name: 'Overwrite WD Blue SN570 1TB?' });
  await other.getByLabel('Last characters of the serial number').fill('C9F4');
  await other.getByRole('button', { name: 'Cancel' }).click();
  t.same(runtime.commands, []);
  await page.locator('.disk', { hasText: 'Samsung SSD 870 EVO' }).click();
  await page.getByRole('button', { name: 'Use this disk …' }).click();
  t.equal(await question.getByRole('textbox').inputValue(), '', 'what was typed for another disk is gone');
  await keyboard.press('Escape');
  t.equal(await question.count(), 0);
  t.same(runtime.commands, [], 'Escape leaves the question only');
  await page.locator('.disk', { hasText: 'SanDisk Ultra' }).click();
  t.equal(await page.getByRole('radio', { name: /SanDisk/ }).isChecked(), false, 'the boot medium cannot be chosen');
  await page.getByRole('button', { name: 'Look again' }).click();
  t.same(await runtime.nextCommand(), { do: 'lookAgain' });
  await page.getByRole('button', { name: 'No, work remotely' }).click();
  t.same(await runtime.nextCommand(), { do: 'workRemotely' });
  await keyboard.press('Escape');
  t.same(await runtime.nextCommand(), { do: 'workRemotely' }, 'Escape does the same');
});

await t.test('a disk that is gone, or has changed, cannot be confirmed any more', async (t) => {
  await fresh('disks');
  await page.locator('.disk', { hasText: 'Samsung SSD 870 EVO' }).click();
  await page.getByRole('button', { name: 'Use this disk …' }).click();
  await question.waitFor();
  const { screen } = stateOf('disks', 'en');
  if (screen.kind !== 'disks') throw new Error('not the disks');
  runtime.push(kioskState({ ...screen, disks: DISKS.slice(1) }));
  await question.waitFor({ state: 'detached' });
  t.ok(await page.getByRole('button', { name: 'Use this disk …' }).isDisabled());
  const [first] = DISKS;
  if (!first) throw new Error('no disk');
  runtime.push(kioskState({ ...screen, disks: [{ ...first, reason: { kind: 'inUse', by: '/srv' } }] }));
  await page.getByText('it is in use (/srv)').waitFor();
  t.equal(await page.getByRole('radio').isChecked(), false);
  t.same(runtime.commands, []);
});

await t.test('a copy is paused, resumed, stopped after a question', async (t) => {
  await fresh('copy-syncing');
  await page.getByRole('button', { name: 'Pause: maths' }).click();
  t.same(await runtime.nextCommand(), { do: 'pauseCopy', id });
  await page.getByRole('button', { name: 'Stop: maths' }).click();
  const stop = page.getByRole('dialog', { name: 'Stop keeping maths on this PC?' });
  await picture(page, 'kiosk-copy-stop-question');
  await stop.getByRole('button', { name: 'Cancel' }).click();
  t.same(runtime.commands, []);
  await page.getByRole('button', { name: 'Stop: maths' }).click();
  await stop.getByRole('button', { name: 'Stop' }).click();
  t.same(await runtime.nextCommand(), { do: 'stopCopy', id });
  await fresh('copy-paused');
  await page.getByRole('button', { name: 'Resume: maths' }).click();
  t.same(await runtime.nextCommand(), { do: 'resumeCopy', id });
  const bar = page.getByRole('progressbar');
  t.equal(await bar.getAttribute('aria-valuenow'), '42', 'a screen reader knows how far it is');
});

await t.test('moving there and back, and what is not possible is greyed with the reason', async (t) => {
  await fresh('copy-syncing');
  await page.getByRole('button', { name: 'Work on this PC: maths' }).click();
  t.same(await runtime.nextCommand(), { do: 'move', id, to: 'pc' });
  await fresh('move-here');
  await page.getByRole('button', { name: /^Cancel: Moving/ }).click();
  t.same(await runtime.nextCommand(), { do: 'cancelMove', id });
  await fresh('move-to-server');
  t.equal(await page.getByRole('button', { name: /^Cancel: Moving/ }).count(), 0, 'too late to cancel');
  await fresh('works-here');
  await page.getByRole('button', { name: 'Work on the server: maths' }).click();
  t.same(await runtime.nextCommand(), { do: 'move', id, to: 'server' });
  t.equal(await page.getByRole('button', { name: 'Stop: maths' }).count(), 0, 'what is in use here is not thrown away');

  await fresh('move-not-possible');
  const greyed = page.getByRole('button', { name: 'Work on this PC: maths' });
  t.equal(await greyed.getAttribute('aria-disabled'), 'true');
  await greyed.click({ force: true });
  await greyed.focus();
  await keyboard.press('Enter');
  await settled(page);
  t.same(runtime.commands, [], 'it can be reached, and does nothing');
  const why = await greyed.evaluate(
    (b) => document.getElementById(b.getAttribute('aria-describedby') ?? '')?.textContent,
  );
  t.match(why, /^This PC cannot run desktops/);
  await fresh('copy-offered');
  await page.getByRole('button', { name: 'Keep a copy on this PC: maths' }).click();
  t.same(await runtime.nextCommand(), { do: 'chooseDisk', id });
});

await t.test('leaving with a desktop on the PC', async (t) => {
  await fresh('leaving-moving');
  await page.getByRole('button', { name: 'Stay here' }).click();
  t.same(await runtime.nextCommand(), { do: 'stay' });
  await fresh('leaving-asking');
  await keyboard.press('Enter');
  await settled(page);
  t.same(runtime.commands, [], 'Enter decides nothing');
  await page.getByRole('button', { name: 'Try again' }).click();
  t.same(await runtime.nextCommand(), { do: 'retryNow' });
  await page.getByRole('button', { name: 'Shut down and turn off' }).click();
  t.same(await runtime.nextCommand(), { do: 'leaveAnyway' });
});

await t.test('of states that come faster than frames only the newest is drawn', async (t) => {
  await fresh('move-here');
  await page.evaluate(() => {
    const html = document.documentElement;
    html.dataset.drawn = '0';
    const count = () => (html.dataset.drawn = String(Number(html.dataset.drawn) + 1));
    new MutationObserver(count).observe(document.body, { subtree: true, characterData: true });
  });
  for (let percent = 1; percent < 100; percent++) {
    const desktops = [moving(percent, 'copyingMemory', 'pc')];
    runtime.push(kioskState({ kind: 'desktops', userName: 'Ana', desktops, offers: {} }));
  }
  await page.getByText('Copying what is open, 99%').waitFor();
  const drawn = Number(await page.evaluate(() => document.documentElement.dataset.drawn));
  t.ok(drawn >= 1 && drawn < 50, 'most of 99 states were never drawn', { drawn });
});

await t.test('a dark screen is shown when the person wants it; the server is away and the desktop here', async (t) => {
  await fresh('opening-dark');
  await page.getByRole('button', { name: 'Show its screen now' }).click();
  t.same(await runtime.nextCommand(), { do: 'showPicture' });
  await keyboard.press('Escape');
  t.same(await runtime.nextCommand(), { do: 'cancelOpening' });
  await fresh('server-lost-works-here');
  await page.getByRole('button', { name: 'Open maths' }).click();
  t.same(await runtime.nextCommand(), { do: 'openDesktop', id });
});

await t.test('what a disk and a server say is text, and long text does not break the page', async (t) => {
  const nasty = '<img src=x onerror="document.title=1">'.repeat(6);
  const [first] = DISKS;
  if (!first) throw new Error('no disk');
  const disk = { ...first.disk, model: nasty.slice(0, 128), serial: 'W'.repeat(128) };
  const partitions = Array.from({ length: 40 }, () => ({ bytes: 1e9, fileSystem: nasty, label: nasty, type: nasty }));
  const contents = { table: 'gpt', systems: [nasty, nasty], partitions };
  runtime.push(
    kioskState({
      kind: 'disks',
      desktop: { id, name: 'm'.repeat(32), bytes: 1e10 },
      disks: [{ ...first, disk, contents }],
      busy: false,
      problem: nasty,
    }),
  );
  await page.locator('.on-disks').waitFor();
  await settled(page);
  t.equal(await page.locator('img').count(), 0);
  const width = await page.evaluate(() => document.querySelector('main')?.scrollWidth);
  t.equal(width, 1280, 'nothing runs out sideways');
  await picture(page, 'kiosk-long-disks');
  t.equal(await page.title(), 'FlexDeploy');
  t.same(errors, []);
  t.equal(runtime.nonsense, 0);
});
