/** The log-in form of the kiosk: what is typed, what is missing, and what comes after it. */
import t from 'tap';
import { REST_AFTER_MS } from '../../client-runtime/kiosk/page/rest.ts';
import { focused, openKiosk, picture, settled } from './kiosk-page.ts';
import { kioskState, stateOf } from './kiosk-states.ts';

const { page, runtime, errors, fresh } = await openKiosk(t);
const keyboard = page.keyboard;

await t.test('Enter held down does not open what comes after the log-in', async (t) => {
  await fresh('login');
  await keyboard.type('ana');
  await keyboard.press('Tab');
  await keyboard.type('x');
  await keyboard.down('Enter');
  t.equal((await runtime.nextCommand()).do, 'logIn');
  runtime.push(stateOf('desktops-one', 'en'));
  await page.getByRole('heading', { name: 'biology' }).waitFor();
  await keyboard.down('Enter');
  await keyboard.down('Enter');
  await keyboard.up('Enter');
  await settled(page);
  t.same(runtime.commands, []);
});

await t.test('the log-in form: missing, wrong, locked out', async (t) => {
  await fresh('login');
  await keyboard.press('Enter');
  await page.getByText('Type your user name.').waitFor();
  await keyboard.type('ana');
  t.equal(await page.getByText('Type your user name.').count(), 0);
  await keyboard.press('Enter');
  await page.getByText('Type your password.').waitFor();
  t.equal(await focused(page), 'input Password', 'the field that is missing gets the focus');
  t.same(runtime.commands, [], 'nothing was sent');

  const password = page.getByLabel('Password', { exact: true });
  await keyboard.type('wrong');
  await page.getByRole('button', { name: 'Show password' }).click();
  t.equal(await password.getAttribute('type'), 'text');
  await page.getByRole('button', { name: 'Hide password' }).click();
  t.equal(await password.getAttribute('type'), 'password');
  await page.getByRole('button', { name: 'Log in' }).click();
  t.same(await runtime.nextCommand(), { do: 'logIn', user: 'ana', password: 'wrong' });
  for (const name of ['login-busy', 'login-wrong']) runtime.push(stateOf(name, 'en'));
  await page.getByRole('alert').filter({ hasText: 'not correct' }).waitFor();
  t.equal(await page.getByLabel('User name').inputValue(), 'ana', 'the name stays');
  t.equal(await focused(page), 'input Password', 'the password is to be typed again');

  runtime.push(kioskState({ kind: 'login', busy: false, problem: { kind: 'lockedOut', until: Date.now() + 2600 } }));
  await page.getByText('You can try again in 3 seconds.').waitFor();
  await password.fill('right');
  await keyboard.press('Enter');
  await page.getByText('You can try again in 1 second.').waitFor();
  t.same(runtime.commands, [], 'nothing is sent while locked out');
  await page.getByText('You can try again now.').waitFor();
  await keyboard.press('Enter');
  t.same(await runtime.nextCommand(), { do: 'logIn', user: 'ana', password: 'right' });
});

await t.test('Caps Lock is noticed while the password is typed', async (t) => {
  await fresh('login');
  const password = page.getByLabel('Password', { exact: true });
  await password.focus();
  await password.evaluate((field) =>
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'A', modifierCapsLock: true, bubbles: true })),
  );
  await page.getByText('Caps Lock is on.').waitFor();
  await picture(page, 'kiosk-login-caps-lock');
  await keyboard.press('a');
  await page.getByText('Caps Lock is on.').waitFor({ state: 'detached' });
  t.pass('and goes when it is off');
});

await t.test('a field that nobody types in rests, and takes the first key all the same', async (t) => {
  await page.clock.install();
  await fresh('login');
  await keyboard.type('a');
  await page.clock.fastForward(REST_AFTER_MS - 1000);
  t.equal(await focused(page), 'input User name', 'not yet');
  await page.clock.fastForward(2000);
  t.equal(await focused(page), 'nothing', 'no caret that has to be drawn');
  const field = page.getByLabel('User name');
  t.equal(await field.evaluate((e) => getComputedStyle(e).outlineStyle), 'solid', 'it looks as if it had the focus');
  await keyboard.type('na');
  t.equal(await field.inputValue(), 'ana', 'what is typed goes on where it was');
  await page.clock.fastForward(REST_AFTER_MS + 1000);
  await keyboard.press('Tab');
  t.equal(await focused(page), 'input Password', 'and so does the way by Tab');
  t.equal(await page.locator('[data-resting]').count(), 0, 'nothing looks as if it rested');
  await page.clock.fastForward(REST_AFTER_MS + 1000);
  await page.mouse.move(40, 320);
  t.equal(await focused(page), 'input Password', 'the mouse wakes it, too');
});

await t.test('the page raised no error', async (t) => {
  t.same(errors, []);
});
