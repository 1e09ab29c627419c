/**
 * The root layer: a Debian system made by mmdebstrap from the profile's `root`, cleaned so that the same inputs give the
 * same bytes, as a squashfs in the cache. Cached by the profile's `root`, the builder's recipe number, and the state of
 * the archives (SHA-256 of their InRelease files).
 */
import { glob, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { removeTree } from '#common/files.ts';
import { run } from '#common/run.ts';
import { type BuildContext, SOURCE_DATE_EPOCH } from './context.ts';
import { debootstrapTree, type InstalledPackage } from './debian-tree.ts';
import { debianSources, releaseDigests, sourceLine, withSecurityUpdates } from './mirror.ts';
import type { RootSpec } from './profile.ts';
import { makeSquashfs } from './squashfs.ts';
import { addUsers } from './users.ts';

/** Grows when this file's recipe changes what comes out. */
const RECIPE = 1;

export interface RootLayer {
  /** The layer, read-only: `root.squashfs`. */
  squashfs: string;
  packages: InstalledPackage[];
}

/**
 * The root layer for `spec`, from the cache or newly made.
 * @param finish further deterministic work on the unpacked tree before it is packed (e.g. kernel modules); `finishKey`
 *   names its inputs for the cache; `level`: zstd level of the squashfs, 19 unless told
 */
export async function rootLayer(
  ctx: BuildContext,
  { atLeast = {}, ...spec }: RootSpec,
  finish: { key: unknown; work: (root: string) => Promise<void>; level?: number } = { key: null, work: async () => {} },
): Promise<RootLayer> {
  return ctx.progress.step('Install Debian packages into the root layer', async (report) => {
    const sources = await debianSources(ctx);
    if (!withSecurityUpdates(sources, ctx.options.suite)) {
      ctx.progress.note(
        "No security archive is among the sources: this image comes without Debian's security updates.",
      );
    }
    const inputs = {
      recipe: RECIPE,
      spec: { ...spec, firmware: ctx.options.firmware ? spec.firmware : [] },
      sources: sources.map(sourceLine),
      releases: await releaseDigests(ctx, sources),
      finish: finish.key,
    };
    const { folder, hit } = await ctx.cache.entry('root', inputs, async (work) => {
      const root = join(work, 'tree');
      const packages = await debootstrapTree(ctx, {
        folder: root,
        variant: 'essential',
        sources,
        packages: [...spec.packages, ...inputs.spec.firmware],
        pathExcludes: spec.pathExcludes,
        pathIncludes: spec.pathIncludes,
        report,
      });
      await addUsers(root, spec.users);
      for (const argv of spec.chrootCommands) {
        await runInRoot(ctx, root, argv);
      }
      await finish.work(root);
      await cleanTree(root, spec.trim);
      report.detail('packing');
      await makeSquashfs(ctx, root, join(work, 'root.squashfs'), { level: finish.level ?? 19 });
      await writeFile(join(work, 'packages.json'), JSON.stringify(packages));
      await removeTree(root, ctx.signal);
    });
    if (hit) report.cached();
    const packages = JSON.parse(await readFile(join(folder, 'packages.json'), 'utf8')) as InstalledPackage[];
    await assertNewEnough(packages, atLeast);
    return { squashfs: join(folder, 'root.squashfs'), packages };
  });
}

/** @throws UserError for the first package that is older than the profile can do with */
export async function assertNewEnough(
  packages: readonly InstalledPackage[],
  atLeast: NonNullable<RootSpec['atLeast']>,
): Promise<void> {
  for (const { name, version } of packages) {
    const needed = atLeast[name];
    if (!needed) continue;
    const { code } = await run(['dpkg', '--compare-versions', version, 'ge', needed.version], { okExitCodes: [0, 1] });
    if (code === 0) continue;
    throw new UserError(`${name} is ${version} in these archives: ${needed.because}`, {
      hint:
        'Newer versions come with the security archive. It has to be among the sources of this machine (apt), or be ' +
        'named: --mirror URL --security-mirror URL',
    });
  }
}

/** Unpacks a root layer into `folder` (which must not exist yet), e.g. to make a disk image from it. Needs root. */
export async function unpackRootLayer(ctx: BuildContext, layer: RootLayer, folder: string): Promise<void> {
  await run(['unsquashfs', '-no-progress', '-quiet', '-dest', folder, layer.squashfs], {
    timeoutMs: 600_000,
    signal: ctx.signal,
  });
}

/** Runs a program inside a root tree, with /proc, /sys and /dev for as long as it runs. */
export async function runInRoot(ctx: BuildContext, root: string, argv: readonly string[]): Promise<void> {
  const mounts =
    'mount -t proc proc "$0/proc" && mount -t sysfs sysfs "$0/sys" && mount --bind /dev "$0/dev" && exec chroot "$0" "$@"';
  await run(['unshare', '--mount', '--pid', '--fork', 'sh', '-c', mounts, root, ...argv], {
    timeoutMs: 600_000,
    signal: ctx.signal,
    env: { SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH) },
  });
}

/** What installing leaves behind and no image needs, or what would differ the next time. */
const LEFTOVERS = [
  'etc/machine-id',
  'var/lib/dbus/machine-id',
  'etc/resolv.conf',
  'etc/hostname',
  'etc/passwd-',
  'etc/shadow-',
  'etc/group-',
  'etc/gshadow-',
  'etc/.pwd.lock',
  'etc/subuid-',
  'etc/subgid-',
  'var/cache/apt',
  'var/lib/apt/lists',
  'var/cache/debconf',
  'var/cache/ldconfig/aux-cache',
  'var/log/**',
  'tmp/*',
  'run/*',
  'var/tmp/*',
  'var/lib/dpkg/*-old',
  'root/.bash_history',
  'var/lib/systemd/random-seed',
  'var/lib/systemd/catalog/database',
];

async function cleanTree(root: string, trim: readonly string[]): Promise<void> {
  await removeMatching(root, [...LEFTOVERS, ...trim]);
  await writeFile(join(root, 'etc/machine-id'), '');
  await writeFile(join(root, 'etc/hostname'), 'flexdeploy\n');
  for (const folder of await readdir(join(root, 'var/log')).catch(() => []))
    await rm(join(root, 'var/log', folder), { recursive: true, force: true });
}

/** Removes every path below `root` that matches one of the patterns. */
export async function removeMatching(root: string, patterns: readonly string[]): Promise<void> {
  for (const pattern of patterns) {
    for await (const path of glob(pattern, { cwd: root })) await rm(join(root, path), { recursive: true, force: true });
  }
}
