/** `npm run build -- config ISO`: shows or changes flexdeploy.json on a finished medium. */
import { readFile } from 'node:fs/promises';
import { parseBootConfig } from '#common/boot-config.ts';
import { UserError } from '#common/errors.ts';
import { configText } from '../pxe-less-boot/config-partition.ts';
import { readConfigFile, writeConfigFile } from '../pxe-less-boot/medium.ts';

export interface ConfigFlags {
  set?: readonly string[];
  file?: string;
  show?: true;
}

/** Does what the flags say and returns flexdeploy.json as it then is. */
export async function configCommand(medium: string, flags: ConfigFlags): Promise<string> {
  if (flags.set && flags.file !== undefined) throw new UserError('--set and --file exclude each other');
  if (flags.file !== undefined) {
    const text = await readFile(flags.file, 'utf8').catch((cause: unknown) => {
      throw new UserError(`${flags.file} cannot be read`, { cause });
    });
    await writeChecked(medium, text);
  } else if (flags.set) {
    await writeChecked(medium, configText(applySettings(await currentConfig(medium), flags.set)));
  }
  return (await readConfigFile(medium)).trimEnd();
}

async function currentConfig(medium: string): Promise<Record<string, unknown>> {
  const text = await readConfigFile(medium);
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw new UserError(`flexdeploy.json on ${medium} is broken, so that single keys cannot be changed`, {
    hint: 'Replace it: npm run build -- config MEDIUM --file NEW.json',
  });
}

/**
 * The configuration with `key=value` settings applied. The value is JSON if it reads as such, else plain text; an empty
 * value removes the key.
 * @throws UserError for a setting without `=`
 */
export function applySettings(config: Record<string, unknown>, settings: readonly string[]): Record<string, unknown> {
  const result = { ...config };
  for (const setting of settings) {
    const at = setting.indexOf('=');
    if (at < 1) throw new UserError(`--set ${setting}: write key=value`);
    const key = setting.slice(0, at);
    const text = setting.slice(at + 1);
    if (text === '') delete result[key];
    else result[key] = jsonOrText(text);
  }
  return result;
}

function jsonOrText(text: string): unknown {
  if (!/^[[{"]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function writeChecked(medium: string, text: string): Promise<void> {
  const { problems } = parseBootConfig(text);
  if (problems.length > 0) {
    const lines = problems.map((p) => `${p.key || 'flexdeploy.json'}: ${p.problem}; allowed: ${p.allowed}`);
    throw new UserError(`nothing was changed, because the new configuration is wrong:\n  ${lines.join('\n  ')}`);
  }
  await writeConfigFile(medium, text);
}
