import { readFile } from 'node:fs/promises';
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';

const LIST = new URL('./debian-packages.txt', import.meta.url);

/** The Debian packages that the project needs on the machine it is built and tested on. */
export async function requiredDebianPackages(): Promise<string[]> {
  const text = await readFile(LIST, 'utf8');
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}

/**
 * Installs what is missing of {@link requiredDebianPackages}, as root or through sudo. Asks nothing.
 * @param wanted other packages instead, which only one recipe needs
 * @throws UserError with the command to type when it cannot install
 */
export async function ensureDebianPackages(wanted?: readonly string[]): Promise<void> {
  await ensurePackages(wanted ?? (await requiredDebianPackages()));
}

async function ensurePackages(wanted: readonly string[]): Promise<void> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const { stdout } = await run(['dpkg-query', '-W', '-f', '${Package} ${db:Status-Status}\n', ...wanted], {
    okExitCodes: [0, 1],
  }).catch((cause: unknown) => {
    throw new UserError('This machine has no dpkg: FlexDeploy is built and tested on Debian 12 or 13.', { cause });
  });
  const installed = new Set(stdout.split('\n').flatMap((l) => (l.endsWith(' installed') ? [l.split(' ')[0]] : [])));
  const missing = wanted.filter((name) => !installed.has(name));
  if (missing.length === 0) return;
  const byHand = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  const asRoot: string[] = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (asRoot.length > 0) {
    await run(['sudo', '-n', 'true']).catch((cause: unknown) => {
      throw new UserError(`Debian packages are missing (${missing.join(', ')}), and installing them needs root.`, {
        hint: `Run this as root or with sudo that asks no password, or type: ${byHand}`,
        cause,
      });
    });
  }
  console.error(`Installing ${missing.length} Debian packages: ${missing.join(' ')}`);
  const aptGet = (...args: string[]) =>
    run([...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args] as [string, ...string[]], {
      timeoutMs: 30 * 60_000,
    });
  try {
    await aptGet('update');
    await aptGet('install', '-y', '--no-install-recommends', ...missing);
  } catch (cause) {
    throw new UserError(`The Debian packages could not be installed.\n${String(cause)}`, {
      hint: `Check the network and the package sources, or type: ${byHand}`,
      cause,
    });
  }
}
