/**
 * What one would build without this project's builder: a Debian live system with the same packages and the same
 * programs of ours, made the usual way: mmdebstrap, the stock kernel with all its modules, live-boot, the stock
 * initramfs, the root as a squashfs on the medium; nothing trimmed, no unit switched off. Its squashfs is packed like
 * ours and it boots by the same GRUB from a copy of our ISO, so that neither makes the difference.
 */
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { removeTree } from '#common/files.ts';
import { run } from '#common/run.ts';
import { VERSION } from '#common/version.ts';
import { stageApp, stageNode } from '../../builder/app-layer.ts';
import { Cache, cacheFolder } from '../../builder/cache.ts';
import { debianSources, sourceLine } from '../../builder/mirror.ts';
import type { LiveProfile } from '../../builder/profile.ts';
import { client } from '../../builder/profiles/client.ts';
import { addUsers } from '../../builder/users.ts';
import { IMAGES } from '../lab/images.ts';

/** Grows when this file makes something else of the same packages. */
const RECIPE = 1;
const MINUTE = 60_000;

/** What a live system needs besides our packages: kernel, and the initramfs that finds the medium. */
const LIVE_PACKAGES = ['linux-image-amd64', 'initramfs-tools', 'live-boot', 'live-boot-initramfs-tools', 'zstd'];

/** Same programs and units of ours; of Debian's units only the one that would sit on the kiosk's console is masked. */
const PROGRAMS: LiveProfile = { ...client, mask: ['getty@tty1.service', 'autovt@.service'] };

/** The plain system's kiosk configuration is a file on its medium; ours comes by GRUB. */
const CONFIG_FROM_MEDIUM = `[Service]
ExecStartPre=-/bin/cp /run/live/medium/flexdeploy.json /run/flexdeploy/flexdeploy.json
`;

/** `quiet loglevel=3` and `no_timer_check` (see pxe-less-boot/grub.cfg) as in ours. */
const grubMenu = (toRam: boolean) => `set timeout=2
set default=0
menuentry "Plain Debian live" {
  linux ($root)/live/vmlinuz boot=live ${toRam ? 'toram ' : ''}quiet loglevel=3 no_timer_check
  initrd ($root)/live/initrd.img
}
`;

type Say = (line: string) => void;

/** Kernel, initramfs and root of the plain system, without our programs: from the cache, or made in some minutes. */
async function plainSystem(say: Say): Promise<string> {
  const inputs = { recipe: RECIPE, packages: [...client.root.packages, ...LIVE_PACKAGES], users: client.root.users };
  const cache = new Cache(cacheFolder());
  const { folder } = await cache.entry('bench-plain', inputs, async (work) => {
    if (process.getuid?.() !== 0) throw new UserError('Building the plain live system needs root.');
    const root = join(work, 'root');
    say('making the plain live system: mmdebstrap');
    await installPackages(root, { alsoLive: true });
    await addUsers(root, client.root.users);
    await stageNode(root);
    // as live images have it: every start is a new machine, and none is the first
    await writeFile(join(root, 'etc/machine-id'), '');
    const boot = await readdir(join(root, 'boot'));
    for (const [name, prefix] of Object.entries({ vmlinuz: 'vmlinuz-', 'initrd.img': 'initrd.img-' })) {
      const file = boot.find((f) => f.startsWith(prefix));
      if (!file) throw new Error(`the plain system has no /boot/${prefix}*`);
      await rename(join(root, 'boot', file), join(work, name));
    }
    say('making the plain live system: mksquashfs');
    await packRoot(root, join(work, '00-system.squashfs'));
    await removeTree(root);
  });
  return folder;
}

/** mmdebstrap as one calls it by hand, with the archives that our builder uses and the packages it has downloaded. */
export async function installPackages(root: string, options: { alsoLive: boolean }): Promise<void> {
  const sources = await debianSources({ options: { suite: 'trixie', firmware: false } });
  const debs = new Cache(cacheFolder()).debs;
  await mkdir(debs, { recursive: true });
  const archives = '"$1/var/cache/apt/archives"';
  const copy = (from: string, to: string) =>
    `mkdir -p ${archives} && find ${from} -maxdepth 1 -name '*.deb' -exec cp -lf -t ${to} {} + || true`;
  const packages = [...client.root.packages, ...(options.alsoLive ? LIVE_PACKAGES : ['linux-image-amd64'])];
  await run(
    [
      ...(['mmdebstrap', '--mode=root', '--variant=essential', `--include=${packages.join(',')}`] as const),
      ...['--aptopt=APT::Install-Recommends "false"', '--skip=check/empty,download/empty,essential/unlink'],
      ...[`--setup-hook=${copy(debs, archives)}`, `--customize-hook=${copy(archives, debs)}`],
      ...['trixie', root, ...sources.map(sourceLine)],
    ],
    { timeoutMs: 45 * MINUTE, env: { TMPDIR: cacheFolder() } },
  );
}

/** mksquashfs with the compressor, level and block size of our root layer. */
export async function packRoot(root: string, to: string): Promise<void> {
  const like = ['-comp', 'zstd', '-Xcompression-level', '15', '-b', '256K'];
  await run(['mksquashfs', root, to, ...like, '-noappend', '-no-progress', '-quiet'], { timeoutMs: 30 * MINUTE });
}

/**
 * Makes the plain system's ISO, with the programs as they are in the checkout now.
 * @param work a folder for it, which need not be there; the result is `plain.iso` in there
 * @param config its flexdeploy.json
 * @param toRam it copies its squashfs into memory, as one does it so that the medium can be pulled
 */
export async function plainLiveIso(
  work: string,
  { config, toRam = false }: { config: unknown; toRam?: boolean },
  say: Say,
): Promise<string> {
  const system = await plainSystem(say);
  const programs = join(work, 'programs');
  await mkdir(join(programs, 'etc/systemd/system/flexdeploy-runtime.service.d'), { recursive: true });
  await writeFile(join(programs, 'etc/systemd/system/flexdeploy-runtime.service.d/medium.conf'), CONFIG_FROM_MEDIUM);
  await stageApp({ version: VERSION }, PROGRAMS, programs);
  // live-boot stacks every squashfs that it finds, in the order of their names
  const layer = join(work, '10-programs.squashfs');
  await run(['mksquashfs', programs, layer, '-comp', 'zstd', '-all-root', '-noappend', '-no-progress', '-quiet']);
  await writeFile(join(work, 'grub.cfg'), grubMenu(toRam));
  await writeFile(join(work, 'flexdeploy.json'), JSON.stringify(config));
  const iso = join(work, 'plain.iso');
  await run(
    [
      ...(['xorriso', '-indev', IMAGES.clientIso(false), '-outdev', iso, '-boot_image', 'any', 'replay'] as const),
      // it is sorry about the partition table of the stick, which a CD does not need
      ...['-return_with', 'FAILURE', '32', '-overwrite', 'on', '-rm', '/live/initrd.img', '/live/vmlinuz', '--'],
      ...['-map', join(system, 'vmlinuz'), '/live/vmlinuz', '-map', join(system, 'initrd.img'), '/live/initrd.img'],
      ...['-map', join(system, '00-system.squashfs'), '/live/00-system.squashfs'],
      ...['-map', layer, '/live/10-programs.squashfs', '-map', join(work, 'grub.cfg'), '/boot/grub/grub.cfg'],
      ...['-map', join(work, 'flexdeploy.json'), '/flexdeploy.json'],
    ],
    { timeoutMs: 10 * MINUTE },
  );
  return iso;
}
