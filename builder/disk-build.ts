/** The recipe of disk images: root layer, app files over it, one qcow2. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '#common/files.ts';
import { run } from '#common/run.ts';
import { makeAgentDeb } from './agent-deb.ts';
import { stageApp, stageNode } from './app-layer.ts';
import { publishArtefacts } from './artefacts.ts';
import { type BuildContext, SOURCE_DATE_EPOCH } from './context.ts';
import { debugFiles } from './debug-layer.ts';
import { type DiskLayout, diskLayout, fstab, grubConfig, makeDiskImage } from './disk-image.ts';
import type { DiskProfile } from './profile.ts';
import { rootLayer, runInRoot, unpackRootLayer } from './root-layer.ts';

/** Makes the disk of a system that is installed on it, and returns the folder with `NAME.qcow2` and manifest. */
export async function buildDisk(ctx: BuildContext, profile: DiskProfile): Promise<string> {
  const { progress, workFolder, signal } = ctx;
  // packed only to be kept in the cache and unpacked again: speed counts, not size
  const layer = await rootLayer(ctx, profile.root, { key: 'disk', work: async () => {}, level: 3 });
  const layout = diskLayout(profile.name, profile.diskGiB);
  const root = join(workFolder, 'disk-root');
  const out = join(workFolder, 'out');
  await mkdir(out);

  await progress.step('Unpack the root layer', () => unpackRootLayer(ctx, layer, root));
  await progress.step('Bundle the programs and add the files of the profile', async () => {
    const app = join(workFolder, 'disk-app');
    await mkdir(app);
    await stageApp(ctx, profile, app);
    if (profile.withNode) await stageNode(app);
    if (ctx.options.debug) await debugFiles(app);
    await run(['cp', '-r', '--preserve=mode,links', '--remove-destination', `${app}/.`, root], { signal });
    await systemFiles(root, profile, layout);
    if (profile.withAgent) await installAgent(ctx, root);
    await fixTimes(root, signal);
  });
  await progress.step('Write the disk', () =>
    makeDiskImage({
      root,
      layout,
      output: join(out, `${profile.name}.qcow2`),
      workFolder,
      sourceDateEpoch: SOURCE_DATE_EPOCH,
      signal,
    }),
  );
  await removeTree(root, signal);
  return publishArtefacts(ctx, profile, {
    folder: out,
    packages: layer.packages,
    layers: [{ name: '00-root', squashfs: layer.squashfs }],
    date: SOURCE_DATE_EPOCH,
  });
}

/** What depends on the disk's layout or on the profile's name. */
async function systemFiles(root: string, profile: DiskProfile, layout: DiskLayout): Promise<void> {
  await mkdir(join(root, 'boot/grub'), { recursive: true });
  await writeFile(
    join(root, 'boot/grub/grub.cfg'),
    grubConfig(layout, `FlexDeploy ${profile.name}`, profile.kernelCommandLine),
  );
  await writeFile(join(root, 'etc/default/grub'), defaultGrub(profile.kernelCommandLine));
  await writeFile(join(root, 'etc/fstab'), fstab(layout));
  await writeFile(join(root, 'etc/hostname'), `flexdeploy-${profile.name}\n`);
  const hosts = await readFile(join(root, 'etc/hosts'), 'utf8').catch(() => '');
  if (!hosts.includes('flexdeploy-')) {
    await writeFile(
      join(root, 'etc/hosts'),
      `127.0.0.1 localhost\n127.0.1.1 flexdeploy-${profile.name}\n::1 localhost ip6-localhost\n`,
    );
  }
}

/** What update-grub reads when the running system installs another kernel: same command line, no waiting. */
function defaultGrub(kernelCommandLine: readonly string[]): string {
  return `GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_DISTRIBUTOR=Debian\nGRUB_CMDLINE_LINUX_DEFAULT=""\nGRUB_CMDLINE_LINUX="${kernelCommandLine.join(' ')}"\nGRUB_DISABLE_OS_PROBER=true\n`;
}

/** Installs the guest agent as on any desktop, so that dpkg knows it and a newer .deb replaces it. */
async function installAgent(ctx: BuildContext, root: string): Promise<void> {
  const name = 'flexdeploy-agent.deb';
  await makeAgentDeb(ctx, join(root, name), 'none');
  await runInRoot(ctx, root, ['dpkg', '--install', `/${name}`]);
  for (const left of [name, 'var/log/dpkg.log', 'var/lib/dpkg/status-old', 'var/cache/ldconfig/aux-cache'])
    await rm(join(root, left), { force: true });
}

/** No file is newer than the date of the build. Equal dates also tell systemd that its caches are up to date. */
async function fixTimes(root: string, signal: AbortSignal): Promise<void> {
  const date = `@${SOURCE_DATE_EPOCH}`;
  await run(['find', root, '-newermt', date, '-exec', 'touch', '--no-dereference', '--date', date, '{}', '+'], {
    signal,
  });
}
