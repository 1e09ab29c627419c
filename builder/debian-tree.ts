/** mmdebstrap: a folder with Debian packages in it, installed (`essential`) or only unpacked (`extract`). */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { RunError, run } from '#common/run.ts';
import { type BuildContext, SOURCE_DATE_EPOCH } from './context.ts';
import { type Source, sourceLine } from './mirror.ts';
import type { StepReport } from './progress.ts';

export interface InstalledPackage {
  name: string;
  version: string;
  /** KiB when installed, as the package says, before anything was trimmed. */
  installedKib: number;
}

export interface TreeOptions {
  folder: string;
  /** `essential`: installed, with scripts run; `extract`: files only, nothing is configured. */
  variant: 'essential' | 'extract';
  sources: readonly Source[];
  packages: readonly string[];
  pathExcludes?: readonly string[];
  pathIncludes?: readonly string[];
  report: StepReport;
}

/** An `extract` tree has no dpkg database: its packages are those with a folder in /usr/share/doc, as apt knows them. */
const UNPACKED_LIST = 'unpacked-packages';
const LIST_UNPACKED = `ls "$1/usr/share/doc" | APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" xargs apt-cache show --no-all-versions >"$1/${UNPACKED_LIST}"`;

/** Makes the tree; downloaded packages are kept in the cache and used again. Needs root. */
export async function debootstrapTree(ctx: BuildContext, options: TreeOptions): Promise<InstalledPackage[]> {
  const debs = ctx.cache.debs;
  await mkdir(debs, { recursive: true });
  const archives = '"$1/var/cache/apt/archives"';
  // hard links, not copies: the cache and the work folder are on one file system
  const link = (from: string, to: string) => `find ${from} -maxdepth 1 -name '*.deb' -exec ln -f -t ${to} {} +`;
  const argv: [string, ...string[]] = [
    'mmdebstrap',
    '--mode=root',
    '--architectures=amd64',
    `--variant=${options.variant}`,
    `--include=${options.packages.join(',')}`,
    '--skip=check/empty,cleanup/apt/cache,download/empty,essential/unlink',
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Retries "3"',
    '--aptopt=APT::Keep-Downloaded-Packages "true"',
    '--dpkgopt=force-unsafe-io',
    ...(options.pathExcludes ?? []).map((p) => `--dpkgopt=path-exclude=${p}`),
    ...(options.pathIncludes ?? []).map((p) => `--dpkgopt=path-include=${p}`),
    `--setup-hook=mkdir -p ${archives} && ${link(debs, archives)}`,
    // mmdebstrap runs no customize hooks for `extract`
    `--${options.variant === 'extract' ? 'extract' : 'customize'}-hook=${link(archives, debs)}`,
    ...(options.variant === 'extract' ? [`--extract-hook=${LIST_UNPACKED}`] : []),
    ...options.sources.slice(0, 1).map((s) => s.suite),
    options.folder,
    ...options.sources.map(sourceLine),
  ];
  try {
    await run(argv, {
      timeoutMs: 45 * 60_000,
      signal: ctx.signal,
      env: { SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH), TMPDIR: ctx.workFolder },
      onLine: (line) => {
        if (line.startsWith('I: ')) options.report.detail(line.slice(3));
      },
    });
  } catch (error) {
    throw explainFailure(error);
  }
  const list = options.variant === 'extract' ? UNPACKED_LIST : 'var/lib/dpkg/status';
  return parseStatus(await readFile(join(options.folder, list), 'utf8'));
}

/** The same failure in words that say what to do, where the cause is a usual one. */
function explainFailure(error: unknown): unknown {
  if (!(error instanceof RunError)) return error;
  const missing = /Unable to locate package (\S+)/.exec(error.stderr)?.[1];
  if (missing)
    return new UserError(`the Debian archive has no package ${missing}`, {
      hint: 'Check the profile and the suite.',
      cause: error,
    });
  if (/No space left on device/.test(error.stderr)) {
    return new UserError('the disk is full', {
      hint: 'Free some space (npm run build -- clean empties the build cache).',
      cause: error,
    });
  }
  if (
    /Could not (resolve|connect)|Temporary failure resolving|Failed to fetch|does not have a Release file/.test(
      error.stderr,
    )
  ) {
    return new UserError('the Debian archive cannot be reached', {
      hint: 'Check the network, or choose another archive with --mirror URL.',
      cause: error,
    });
  }
  if (/NO_PUBKEY/.test(error.stderr)) {
    return new UserError("this machine does not have the Debian archive's signing key", {
      hint: 'Run: apt-get install debian-archive-keyring',
      cause: error,
    });
  }
  return error;
}

/** Package, version and size of every paragraph of a dpkg status (or `dpkg-deb --field`) text, sorted by name. */
export function parseStatus(text: string): InstalledPackage[] {
  return text
    .split('\n\n')
    .flatMap((paragraph) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1];
      const name = field('Package');
      const version = field('Version');
      return name && version ? [{ name, version, installedKib: Number(field('Installed-Size') ?? 0) }] : [];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
