/**
 * What one would build without this project's builder: a Debian live system with the same packages and the same
 * programs of ours, made the usual way: mmdebstrap with the standard variant of required and important packages, the
 * stock kernel, live-boot, the stock initramfs, an xz squashfs on the CD (as Debian's own live images), nothing trimmed,
 * no unit switched off. It boots by the same GRUB from the same kind of ISO.
 */
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Cleanup } from '#common/cleanup.ts';
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';
import { VERSION } from '#common/version.ts';
import { stageApp, stageNode } from '../../builder/app-layer.ts';
import { debianSources, sourceLine } from '../../builder/mirror.ts';
import type { LiveProfile } from '../../builder/profile.ts';
import { client } from '../../builder/profiles/client.ts';
import { addUsers } from '../../builder/users.ts';
import { ensureImages, IMAGES } from '../lab/images.ts';

const FOLDER = 'out/bench';
const MINUTE = 60_000;

/** Same programs and units of ours, but no unit of Debian's is masked. */
const PLAIN: LiveProfile = { ...client, mask: [] };

/** The plain system's kiosk configuration is a file on its medium; ours comes by GRUB. */
const CONFIG_FROM_MEDIUM = `[Service]
ExecStartPre=-/bin/cp /run/live/medium/flexdeploy.json /run/flexdeploy/flexdeploy.json
`;

const GRUB_MENU = `set timeout=2
set default=0
menuentry "Plain Debian live" {
  linux ($root)/live/vmlinuz boot=live quiet loglevel=3 console=ttyS0 console=tty0
  initrd ($root)/live/initrd.img
}
`;

/** Path of the plain system's ISO; built when it is missing or the packages of ours changed. */
export async function plainLiveIso(say: (line: string) => void): Promise<string> {
  const iso = resolve(FOLDER, 'plain-live.iso');
  const keyFile = `${iso}.packages`;
  const key = JSON.stringify(client.root.packages);
  const same = (await readFile(keyFile, 'utf8').catch(() => '')) === key;
  if (same && (await stat(iso).catch(() => undefined))) return iso;
  if (process.getuid?.() !== 0) throw new UserError('Building the plain live system needs root.');
  await ensureImages(['client'], say);
  await mkdir(FOLDER, { recursive: true });
  const work = await mkdtemp('/var/tmp/flexdeploy-bench-');
  const cleanup = new Cleanup();
  cleanup.add('removing the work folder', () => rm(work, { recursive: true, force: true }));
  try {
    const root = join(work, 'root');
    await installPackages(root, say);
    await addPrograms(root);
    await packIso(root, work, say);
    await rename(join(work, 'plain.iso'), iso).catch(() => cp(join(work, 'plain.iso'), iso));
    await writeFile(keyFile, key);
  } finally {
    await cleanup.run();
  }
  return iso;
}

/** mmdebstrap as one calls it by hand, with the archives that our builder uses. */
export async function installPackages(root: string, say: (line: string) => void): Promise<void> {
  say('installing the same packages with mmdebstrap');
  const options = { suite: 'trixie', mirror: undefined, firmware: false };
  const sources = await debianSources({ options });
  const include = [...client.root.packages, 'linux-image-amd64', 'live-boot', 'initramfs-tools'].join(',');
  const aptOptions = ['--aptopt=APT::Install-Recommends "false"'];
  await run(
    [
      ...(['mmdebstrap', '--mode=root', '--variant=important', `--include=${include}`] as const),
      ...aptOptions,
      options.suite,
      root,
      ...sources.map(sourceLine),
    ],
    { timeoutMs: 45 * MINUTE },
  );
}

async function addPrograms(root: string): Promise<void> {
  await addUsers(root, PLAIN.root.users);
  await stageApp({ version: VERSION }, PLAIN, root);
  await stageNode(root);
  const dropIn = join(root, 'etc/systemd/system/flexdeploy-runtime.service.d');
  await mkdir(dropIn, { recursive: true });
  await writeFile(join(dropIn, 'medium.conf'), CONFIG_FROM_MEDIUM);
  await chmod(join(dropIn, 'medium.conf'), 0o644);
  // the kiosk has the first console to itself, as in ours
  await run(['ln', '-sf', '/dev/null', join(root, 'etc/systemd/system/getty@tty1.service')]);
}

/** The root as live/filesystem.squashfs on a copy of our ISO, so that firmware and boot loader are the same. */
async function packIso(root: string, work: string, say: (line: string) => void): Promise<void> {
  const boot = await readdir(join(root, 'boot'));
  const file = (prefix: string) => join(root, 'boot', boot.find((name) => name.startsWith(prefix)) ?? prefix);
  say('packing its squashfs (xz)');
  await cp(file('vmlinuz-'), join(work, 'vmlinuz'));
  await cp(file('initrd.img-'), join(work, 'initrd.img'));
  await run(['mksquashfs', root, join(work, 'filesystem.squashfs'), '-comp', 'xz', '-no-progress', '-quiet'], {
    timeoutMs: 30 * MINUTE,
  });
  await writeFile(join(work, 'grub.cfg'), GRUB_MENU);
  const put = (name: string, to: string) => ['-map', join(work, name), to];
  await run(
    [
      ...(['xorriso', '-indev', IMAGES.clientIso(false), '-outdev', join(work, 'plain.iso')] as const),
      ...['-boot_image', 'any', 'replay', '-overwrite', 'on'],
      ...['-rm', '/live/initrd.img', '/live/vmlinuz', '--'],
      ...put('vmlinuz', '/live/vmlinuz'),
      ...put('initrd.img', '/live/initrd.img'),
      ...put('filesystem.squashfs', '/live/filesystem.squashfs'),
      ...put('grub.cfg', '/boot/grub/grub.cfg'),
    ],
    { timeoutMs: 10 * MINUTE },
  );
}

/** A copy of the plain ISO with a flexdeploy.json on it. */
export async function plainIsoWithConfig(iso: string, to: string, config: unknown): Promise<void> {
  const file = `${to}.json`;
  await writeFile(file, JSON.stringify(config));
  await run(
    [
      ...(['xorriso', '-indev', iso, '-outdev', to] as const),
      ...['-boot_image', 'any', 'replay', '-map', file, '/flexdeploy.json'],
    ],
    { timeoutMs: 10 * MINUTE },
  );
}
