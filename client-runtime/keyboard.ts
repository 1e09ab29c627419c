/**
 * The keyboard layout of the kiosk. cage reads its layout once, from the environment: there it is always
 * `flexdeploy`, a layout of ours that includes the real one. To switch, that file is written anew and the keyboards are
 * announced again, as if unplugged and plugged in: cage then reads the file for each of them. The page stays.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { run } from '#common/run.ts';

/** Where libxkbcommon looks before its own files. */
export const SYMBOLS_FILE = '/etc/xkb/symbols/flexdeploy';

export function renderSymbols(layout: string): string {
  if (!/^[a-z]{2,8}$/.test(layout)) throw new UserError(`not a keyboard layout: ${layout}`);
  return `default partial alphanumeric_keys\nxkb_symbols "basic" {\n  include "${layout}"\n};\n`;
}

/** Puts a layout in force, for the keyboards that are there and those to come. */
export async function setKeyboard(layout: string, file = SYMBOLS_FILE): Promise<void> {
  const text = renderSymbols(layout);
  if ((await readFile(file, 'utf8').catch(() => '')) === text) return;
  await mkdir(dirname(file), { recursive: true });
  await writeFileDurably(file, text);
  const { stdout } = await run([
    'udevadm',
    'trigger',
    '--dry-run',
    '--verbose',
    '--subsystem-match=input',
    '--property-match=ID_INPUT_KEYBOARD=1',
    '--sysname-match=event*',
  ]);
  const keyboards = stdout.split('\n').filter((path) => path.startsWith('/sys/'));
  if (keyboards.length === 0) return;
  for (const action of ['remove', 'add']) {
    await run(['udevadm', 'trigger', `--action=${action}`, '--settle', ...keyboards], { timeoutMs: 15_000 });
  }
}
