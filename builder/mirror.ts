/** Which Debian archives packages come from. Default: the ones that this machine's own apt uses, with another suite. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';
import { cacheKey } from './cache.ts';
import type { BuildContext, BuildOptions } from './context.ts';

/** One line of sources.list, in parts. */
export interface Source {
  uri: string;
  suite: string;
  components: readonly string[];
}

/** Hours that a look at the archives' Release files counts; no network is needed in between. */
const RELEASE_LOOK_HOURS = 12;

/**
 * Archives for `suite`, from what `apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)'` prints
 * on a Debian machine of release `hostSuite`: the main archive, its updates and its security archive, each with the
 * host's suite replaced. Empty if the output has no main archive of `hostSuite`.
 */
export function sourcesFromApt(
  output: string,
  hostSuite: string,
  suite: string,
  components: readonly string[],
): Source[] {
  const rows = output.split('\n').map((line) => line.split('|'));
  const found = new Map<string, string>();
  for (const [uri, release, component, createdBy] of rows) {
    if (uri && release && component === 'main' && createdBy === 'Packages' && !found.has(release))
      found.set(release, uri);
  }
  if (!found.has(hostSuite)) return [];
  return ['', '-updates', '-security'].flatMap((pocket) => {
    const uri = found.get(hostSuite + pocket);
    return uri ? [{ uri, suite: suite + pocket, components }] : [];
  });
}

/** What decides which archives a build uses. */
type SourceOptions = Pick<BuildOptions, 'suite' | 'mirror' | 'securityMirror' | 'firmware'>;

const securityOf = (suite: string) => `${suite}-security`;

/** Whether what is installed from these archives has Debian's security updates in it. */
export function withSecurityUpdates(sources: readonly Source[], suite: string): boolean {
  return sources.some((source) => source.suite === securityOf(suite));
}

/** Code name of this machine's release, such as `trixie`; empty where it does not say. */
export async function suiteOfThisMachine(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1] ?? '';
}

/** The archives for this build. */
export async function debianSources(ctx: { options: SourceOptions }): Promise<Source[]> {
  const { suite, mirror, securityMirror, firmware } = ctx.options;
  const components = firmware ? ['main', 'non-free-firmware'] : ['main'];
  if (mirror !== undefined) {
    const security =
      securityMirror === undefined ? [] : [{ uri: securityMirror, suite: securityOf(suite), components }];
    return [{ uri: mirror, suite, components }, ...security];
  }
  const hostSuite = await suiteOfThisMachine();
  const { stdout } = await run([
    'apt-get',
    'indextargets',
    '--format',
    '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)',
  ]);
  const sources = sourcesFromApt(stdout, hostSuite, suite, components);
  if (sources.length === 0) {
    throw new UserError(`this machine's apt knows no Debian archive of its own release (${hostSuite || 'unknown'})`, {
      hint: 'Give one: npm run build -- client --mirror URL',
    });
  }
  return sources;
}

/** The source as a line of sources.list. */
export function sourceLine(source: Source): string {
  return `deb ${source.uri.replace(/\/$/, '')} ${source.suite} ${source.components.join(' ')}`;
}

/**
 * SHA-256 of every archive's InRelease file: changes when a package in it changes. Asked at most every 12 hours; if an
 * archive cannot be reached, what it said last time counts, with a note.
 * @throws UserError when an archive cannot be reached and never could
 */
export async function releaseDigests(ctx: BuildContext, sources: readonly Source[]): Promise<string[]> {
  const digests: string[] = [];
  for (const source of sources) {
    const url = `${source.uri.replace(/\/$/, '')}/dists/${source.suite}/InRelease`;
    const file = join(ctx.cache.folder, 'releases', cacheKey(url));
    const age = Date.now() - ((await stat(file).catch(() => undefined))?.mtimeMs ?? 0);
    if (age > RELEASE_LOOK_HOURS * 3_600_000) await fetchRelease(ctx, url, file);
    digests.push((await readFile(file, 'utf8')).trim());
  }
  return digests;
}

async function fetchRelease(ctx: BuildContext, url: string, file: string): Promise<void> {
  const download = join(ctx.workFolder, 'InRelease');
  try {
    // apt's own downloader, so that apt's proxy settings count here too
    await run(['/usr/lib/apt/apt-helper', 'download-file', url, download], { timeoutMs: 60_000, signal: ctx.signal });
  } catch (cause) {
    ctx.signal.throwIfAborted();
    if (await stat(file).catch(() => undefined)) {
      ctx.progress.note(`The archive ${url} does not answer; what it had last time counts.`);
      return;
    }
    throw new UserError(`the Debian archive cannot be reached: ${url}`, {
      hint: 'Check the network connection and the suite, or choose another archive with --mirror URL.',
      cause,
    });
  }
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    file,
    createHash('sha256')
      .update(await readFile(download))
      .digest('hex'),
  );
}
