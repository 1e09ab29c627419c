import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';
import { debianSources, sourceLine } from './mirror.ts';

/**
 * Taken from Debian 12's backports: machines that its QEMU 7.2 emulates compute AES and SHA-256 2.5 times slower than with
 * 10.0, and servers that ran desktops in them died of a corrupted kernel stack (docs/decisions.md).
 */
const BACKPORTED: ReadonlySet<string> = new Set(['qemu-system-x86', 'qemu-utils']);

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
    await installFromBackports(missing, aptGet);
    await aptGet('install', '-y', '--no-install-recommends', ...missing);
  } catch (cause) {
    throw new UserError(`The Debian packages could not be installed.\n${String(cause)}`, {
      hint: `Check the network and the package sources, or type: ${byHand}`,
      cause,
    });
  }
}

/**
 * On Debian 12, installs those of `names` that are {@link BACKPORTED} from its backports, with sources and lists of its
 * own: what this machine's apt knows stays as it is. Does nothing where that does not work: the stock ones do, too.
 */
async function installFromBackports(
  names: readonly string[],
  aptGet: (...args: string[]) => Promise<unknown>,
): Promise<void> {
  const wanted = names.filter((name) => BACKPORTED.has(name));
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  if (wanted.length === 0 || !/^VERSION_CODENAME=bookworm$/m.test(release)) return;
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-apt-'));
  try {
    await chmod(folder, 0o755); // apt fetches as a user of its own
    await mkdir(join(folder, 'lists'));
    const own = await debianSources({ options: { suite: 'bookworm', mirror: undefined, firmware: false } });
    const backports = own.slice(0, 1).map((source) => ({ ...source, suite: 'bookworm-backports' }));
    await writeFile(join(folder, 'sources.list'), [...own, ...backports].map((s) => `${sourceLine(s)}\n`).join(''));
    const withBackports = [
      ...['-o', `Dir::Etc::sourcelist=${folder}/sources.list`, '-o', 'Dir::Etc::sourceparts=/dev/null'],
      ...['-o', `Dir::State::lists=${folder}/lists`, '-o', 'Dir::Cache::pkgcache=', '-o', 'Dir::Cache::srcpkgcache='],
    ];
    await aptGet(...withBackports, 'update');
    await aptGet(...withBackports, 'install', '-y', '--no-install-recommends', '-t', 'bookworm-backports', ...wanted);
  } catch {
    console.error(`Debian 12's backports gave no ${wanted.join(', ')}; the older ones of Debian 12 itself follow.`);
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {}); // with sudo, not all of it is ours
  }
}
