import { randomInt } from 'node:crypto';
import type { Database } from '../database/open.ts';
import { deleteSetting, readSetting, writeSetting } from '../database/settings.ts';
import { sameSecret } from './tokens.ts';

/** Without 0 O, 1 I L, and U V: what people mistake when they copy from a console. 8 of them are 38 bits. */
const LETTERS = 'ABCDEFGHJKMNPQRSTWXYZ23456789';
const KEY = 'setup-code';

/** The code shown on the console, `ABCD-EFGH`: made once, kept over restarts. */
export async function setupCode(database: Database): Promise<string> {
  const stored = await readSetting(database, KEY);
  if (stored !== undefined) return stored;
  const group = () => Array.from({ length: 4 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  const code = `${group()}-${group()}`;
  await writeSetting(database, KEY, code);
  return code;
}

/** Is what was typed the code? Capitals, spaces and dashes do not matter. */
export async function isSetupCode(database: Database, typed: string): Promise<boolean> {
  const plain = (text: string) => text.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
  const stored = await readSetting(database, KEY);
  return stored !== undefined && sameSecret(plain(stored), plain(typed));
}

/** Called when there is an administrator: the code is of no use any more. */
export async function forgetSetupCode(database: Database): Promise<void> {
  await deleteSetting(database, KEY);
}
