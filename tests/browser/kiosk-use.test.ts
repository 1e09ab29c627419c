/** What a person does at the kiosk, by keyboard and by mouse, and what the runtime gets to hear. */
import t from 'tap';
import { desktop, OFF, RUNNING } from './desktops.ts';
import { focused, openKiosk, picture, settled, tabTo } from './kiosk-page.ts';
import { kioskState, stateOf } from './kiosk-states.ts';

const { page, runtime, errors, fresh } = await openKiosk(t);
const keyboard = page.keyboard;

await t.test('by keyboard alone: log in, open, cancel, log out, turn the PC off', async (t) => {
  await fresh('login');
  t.equal(await focused(page), 'input User name', 'one can type at once');
  await keyboard.type('ana');
  await keyboard.press('Tab');
  t.equal(await focused(page), 'input Password');
  await keyboard.type('secret word');
  await keyboard.press('Enter');
  t.same(await runtime.nextCommand(), { do: 'logIn', user: 'ana', password: 'secret word' });
  t.equal(await page.getByLabel('Password', { exact: true }).inputValue(), '', 'the password is gone from the page');
  await keyboard.press('Enter');

  runtime.push(stateOf('login-busy', 'en'));
  await page.getByText('Logging in …').waitFor();
  runtime.push(kioskState({ kind: 'desktops', userName: 'Ana', desktops: [OFF], offers: {} }));
  await page.getByRole('heading', { name: 'Your desktops' }).waitFor();
  t.same(runtime.commands, [], 'Enter pressed twice logs in once');
  t.equal(await focused(page), 'button Open biology', 'the only desktop has the focus');
  await keyboard.press('Enter');
  t.same(await runtime.nextCommand(), { do: 'openDesktop', id: OFF.id });

  runtime.push(stateOf('opening', 'en'));
  await page.getByRole('heading', { name: 'Opening maths' }).waitFor();
  await keyboard.press('Enter');
  await settled(page);
  t.same(runtime.commands, [], 'Enter pressed once too often does not call it off');
  await tabTo(t, page, 'button Cancel');
  await keyboard.press('Enter');
  t.same(await runtime.nextCommand(), { do: 'cancelOpening' });
  await keyboard.press('Escape');
  t.same(await runtime.nextCommand(), { do: 'cancelOpening' }, 'Escape does the same');

  runtime.push(kioskState({ kind: 'desktops', userName: 'Ana', desktops: [OFF], offers: {} }));
  await page.getByRole('heading', { name: 'Your desktops' }).waitFor();
  await tabTo(t, page, 'button Log out');
  await keyboard.press('Enter');
  t.same(await runtime.nextCommand(), { do: 'logOut' });

  runtime.push(stateOf('login', 'en'));
  await page.getByLabel('User name').waitFor();
  t.equal(await page.getByLabel('User name').inputValue(), '', 'the next person finds an empty form');
  const stops = await tabTo(t, page, 'button Power');
  t.same(
    stops,
    [
      'input Password',
      'button Show password',
      'button Log in',
      'button Keyboard: PT',
      'button Language: English',
      'button Power',
    ],
    'Tab goes from the top to the bottom',
  );
  await keyboard.press('Enter');
  t.equal(await focused(page), 'menuitem Restart');
  await keyboard.press('Escape');
  t.equal(await focused(page), 'button Power', 'Escape closes the menu and gives the focus back');
  t.equal(await page.getByRole('menu').count(), 0);
  await keyboard.press('ArrowUp');
  await keyboard.press('ArrowDown');
  t.equal(await focused(page), 'menuitem Turn off');
  await picture(page, 'kiosk-power-menu');
  await keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Turn off this PC?' }).waitFor();
  t.equal(await focused(page), 'button Cancel', 'the harmless answer has the focus');
  await picture(page, 'kiosk-power-question');
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  t.same(runtime.commands, [], 'nothing has happened');
  t.equal(await focused(page), 'button Power');
  await keyboard.press('Enter');
  await keyboard.press('End');
  await keyboard.press('Enter');
  await keyboard.press('Tab');
  t.equal(await focused(page), 'button Turn off');
  await keyboard.press('Enter');
  t.same(await runtime.nextCommand(), { do: 'powerOff' });
});

await t.test('by mouse: restart, language, keyboard layout, try now, notice', async (t) => {
  await fresh('unreachable');
  await page.getByRole('button', { name: 'Power' }).click();
  await page.getByRole('menuitem', { name: 'Restart' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
  t.same(await runtime.nextCommand(), { do: 'restart' });

  await page.getByRole('button', { name: 'Language: English' }).click();
  const chosen = page.getByRole('menuitemradio', { name: 'English' });
  t.equal(await chosen.getAttribute('aria-checked'), 'true');
  await page.getByRole('menuitemradio', { name: 'Português' }).click();
  t.same(await runtime.nextCommand(), { do: 'setLanguage', language: 'pt' });

  await page.getByRole('button', { name: 'Keyboard: PT' }).click();
  await picture(page, 'kiosk-keyboard-menu');
  await page.getByRole('menuitemradio', { name: 'German' }).click();
  t.same(await runtime.nextCommand(), { do: 'setKeyboard', keyboard: 'de' });

  await page.getByRole('button', { name: 'Language: English' }).click();
  await page.mouse.click(300, 300);
  t.equal(await page.getByRole('menu').count(), 0, 'a click elsewhere closes a menu');

  await page.getByRole('button', { name: 'Try now' }).click();
  t.same(await runtime.nextCommand(), { do: 'retryNow' });
  await fresh('server-lost');
  await page.getByRole('button', { name: 'Try now' }).click();
  t.same(await runtime.nextCommand(), { do: 'retryNow' });
  await page.getByRole('button', { name: 'Log out' }).click();
  t.same(await runtime.nextCommand(), { do: 'logOut' }, 'one can leave without the server');
  await fresh('no-server-configured');
  await page.getByRole('main').getByRole('button', { name: 'Restart' }).click();
  t.same(await runtime.nextCommand(), { do: 'restart' });

  await fresh('desktops-could-not-open');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  t.same(await runtime.nextCommand(), { do: 'dismissNotice' });
});

await t.test('a running desktop is shut down only after a question', async (t) => {
  await fresh('desktops-many');
  const shutDown = page.getByRole('button', { name: 'Shut down maths' });
  await shutDown.click();
  const question = page.getByRole('dialog', { name: 'Shut down maths?' });
  await picture(page, 'kiosk-shut-down-question');
  await question.getByRole('button', { name: 'Cancel' }).click();
  t.equal(await question.count(), 0);
  t.same(runtime.commands, []);
  await shutDown.click();
  await question.getByRole('button', { name: 'Shut down' }).click();
  t.same(await runtime.nextCommand(), { do: 'shutDownDesktop', id: RUNNING.id });
  t.equal(
    await page.getByRole('button', { name: 'Shut down biology' }).count(),
    0,
    'one that is off has no such button',
  );

  await shutDown.click();
  runtime.push(kioskState({ kind: 'desktops', userName: 'Ana', desktops: [OFF], offers: {} }));
  await question.waitFor({ state: 'detached' });
  t.pass('the question goes when the desktop does');
});

await t.test('arrow keys go through the desktops as they stand on the screen', async (t) => {
  await fresh('desktops-many');
  t.equal(await focused(page), 'button Open maths', 'the one that is running comes first');
  const steps: [string, string][] = [
    ['Home', 'button Open biology'],
    ['ArrowRight', 'button Open chemistry'],
    ['ArrowRight', 'button Open here: english'],
    ['ArrowDown', 'button Open maths'],
    ['ArrowUp', 'button Open here: english'],
    ['ArrowLeft', 'button Open chemistry'],
    ['ArrowLeft', 'button Open biology'],
    ['ArrowLeft', 'button Open biology'],
    ['ArrowDown', 'button Start again: geography'],
    ['End', 'button Open maths'],
  ];
  for (const [key, wanted] of steps) {
    await keyboard.press(key);
    t.equal(await focused(page), wanted, key);
  }
  await keyboard.press('Enter');
  t.same(await runtime.nextCommand(), { do: 'openDesktop', id: RUNNING.id });
});

await t.test('the list changes under the hands of the person, who stays where they are', async (t) => {
  await fresh('desktops-many');
  await keyboard.press('Home');
  runtime.push(
    kioskState({
      kind: 'desktops',
      userName: 'Ana',
      desktops: [desktop('algebra', { kind: 'off' }), OFF, RUNNING],
      offers: {},
    }),
  );
  await page.getByRole('heading', { name: 'algebra' }).waitFor();
  t.equal(await focused(page), 'button Open biology');
  await fresh('desktops-none');
  runtime.push(kioskState({ kind: 'desktops', userName: 'Ana', desktops: [OFF], offers: {} }));
  await page.getByRole('heading', { name: 'biology' }).waitFor();
  t.equal(await focused(page), 'button Open biology', 'the first desktop to appear gets the focus');
});

await t.test('times count by themselves', async (t) => {
  const until = Date.now() + 2600;
  runtime.push(kioskState({ kind: 'noServer', problem: { kind: 'noCable' }, nextTryAt: until }));
  for (const text of ['Next try in 3 seconds', 'Next try in 1 second', 'Trying now …'])
    await page.getByText(text, { exact: true }).waitFor();
  runtime.push(kioskState({ kind: 'opening', desktop: 'maths', step: 'x', since: Date.now() - 59_500, dark: false }));
  await page.getByText('For 1 minute', { exact: true }).waitFor();
  await page.getByText('For 1 minute, 1 second', { exact: true }).waitFor();
  runtime.push(
    kioskState(
      { kind: 'serverLost', problem: { kind: 'noCable' }, since: Date.now() - 3_600_000 * 3 },
      { language: 'pt' },
    ),
  );
  await page.getByText('Há 3 horas', { exact: true }).waitFor();
  t.pass('seconds, minutes and hours, one and many');
});

await t.test('settings that are not right: closed to a mark, opened again, new ones show up', async (t) => {
  await fresh('login-config-problems');
  const panel = page.getByRole('heading', { name: '3 settings of this PC are not right' });
  await panel.waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  t.equal(await panel.count(), 0);
  t.equal(await focused(page), 'input User name', 'back to the form');
  await picture(page, 'kiosk-config-problems-closed');
  await page.getByRole('button', { name: '3 settings to check' }).click();
  await panel.waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  runtime.push(stateOf('no-cable-config-problem', 'en'));
  await page.getByRole('heading', { name: 'One setting of this PC is not right' }).waitFor();
  const { configProblems } = stateOf('login-config-problems', 'en');
  runtime.push(kioskState({ kind: 'desktops', userName: 'Ana', desktops: [OFF], offers: {} }, { configProblems }));
  await page.getByRole('button', { name: '3 settings to check' }).waitFor();
  t.equal(await panel.count(), 0, 'a person at work only sees the mark');
});

await t.test('names and reasons with HTML in them are text, and long ones do not break the page', async (t) => {
  const nasty = '<img src=x onerror="document.title=1"><script>document.title=1</script>&amp;<b>';
  const long = 'Donaudampfschifffahrtsgesellschaft'.repeat(12);
  const iso = new Date().toISOString();
  for (const reason of [nasty, long]) {
    const failed = desktop('biology', { kind: 'failed', at: iso, reason });
    const more = {
      pcName: reason,
      serverName: reason,
      version: reason,
      addresses: Array(5).fill('fd00:1234:5678:9abc:def0:1234:5678:9abc'),
    };
    const problem = { kind: 'unreachable', host: reason, detail: reason } as const;
    const screens = [
      {
        kind: 'desktops',
        userName: reason,
        desktops: [failed, RUNNING],
        offers: {},
        notice: { kind: 'couldNotOpen', desktop: reason, reason },
      },
      { kind: 'opening', desktop: reason, step: reason, since: Date.now(), dark: false },
      { kind: 'inUse', desktop: reason },
      { kind: 'noServer', problem, nextTryAt: Date.now() + 5000 },
      { kind: 'serverLost', problem, since: Date.now(), desktop: reason },
      { kind: 'login', busy: false, problem: { kind: 'failed', detail: reason } },
    ] as const;
    for (const screen of screens) {
      const configProblems = [{ key: reason, problem: reason, allowed: reason }];
      runtime.push(
        kioskState(structuredClone(screen) as Parameters<typeof kioskState>[0], { ...more, configProblems }),
      );
      await page.locator(`.on-${screen.kind}`).waitFor();
      await settled(page);
      t.ok((await page.locator('body').innerText()).includes(reason), `${screen.kind}: shown as it is`);
      t.equal(await page.locator('img, body script').count(), 0, `${screen.kind}: nothing became an element`);
      const width = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        document.querySelector('main')?.scrollWidth,
      ]);
      t.same(width, [1280, 1280], `${screen.kind}: nothing runs out sideways`);
      const power = await page.getByRole('button', { name: 'Power' }).boundingBox();
      t.ok(
        power && power.x + power.width <= 1280 && power.y + power.height <= 800,
        `${screen.kind}: the power menu is in sight`,
      );
      if (reason === long) await picture(page, `kiosk-long-${screen.kind}`);
    }
  }
  t.equal(await page.title(), 'FlexDeploy', 'nothing ran');
  t.same(errors, []);
});

await t.test('the page says when it has lost the runtime, and comes back by itself', async (t) => {
  await fresh('login');
  await keyboard.type('ana');
  await runtime.stop();
  await page.getByText('lost contact with the PC’s own service').waitFor();
  await picture(page, 'kiosk-runtime-lost');
  await keyboard.press('Tab');
  await keyboard.type('kept');
  await keyboard.press('Enter');
  t.equal(await page.getByLabel('Password', { exact: true }).inputValue(), 'kept', 'what was typed is not lost');
  await runtime.start();
  await page.getByText('lost contact').waitFor({ state: 'detached' });
  await keyboard.press('Enter');
  t.same(await runtime.nextCommand(), { do: 'logIn', user: 'ana', password: 'kept' });
  t.equal(runtime.nonsense, 0, 'and everything that was ever said was a command');
});
