/**
 * Kernel, modules, shim, GRUB, busybox and memtest from the target suite: unpacked, never installed, so that the root
 * layer needs neither an initramfs generator nor a boot loader. Cached like the root layer.
 */
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#common/run.ts';
import type { BuildContext } from './context.ts';
import { debootstrapTree, type InstalledPackage } from './debian-tree.ts';
import { debianSources, releaseDigests, sourceLine } from './mirror.ts';

/** Grows when this file's recipe changes what comes out. */
const RECIPE = 3;

const PACKAGES = [
  'linux-image-amd64',
  'busybox-static',
  'shim-signed',
  'grub-efi-amd64-signed',
  'grub-pc-bin',
  'grub-common',
  'memtest86+',
  'kmod',
] as const;

/** Packages above whose files end up on the medium or in the image; the others only help to build. */
const SHIPPED =
  /^(linux-image-.*|busybox-static|shim-signed|shim-helpers-amd64-signed|grub-efi-amd64-signed|grub-pc-bin|memtest86\+)$/;

/** What is built into GRUB's BIOS image; everything the menu needs, so that it never has to find modules. */
const GRUB_PC_MODULES = [
  'biosdisk',
  'iso9660',
  'fat',
  'part_msdos',
  'part_gpt',
  'ext2',
  'ntfs',
  'search',
  'search_fs_file',
  'search_label',
  'normal',
  'configfile',
  'linux',
  'linux16',
  'loopback',
  'chain',
  'echo',
  'test',
  'sleep',
  'serial',
  'terminal',
  'all_video',
  'vbe',
  'video',
  'font',
  'gfxterm',
  'regexp',
  'minicmd',
  'reboot',
  'halt',
  'boot',
  'ls',
  'cat',
  'true',
  'newc',
  'smbios',
  'gzio',
] as const;

/** Finds the medium's own ISO file system: the drive GRUB was started from first. */
export const FIND_MEDIUM = `regexp --set=1:drive '^([a-z]+[0-9]+)' $root
search --no-floppy --set=root --hint $drive --file /live/medium
set prefix=($root)/boot/grub
`;

export interface BootFiles {
  /** `vmlinuz`, `busybox`, `modules/` (as Debian packs them), `shimx64.efi`, `mmx64.efi`, `grubx64.efi`, `eltorito.img`,
   * `boot_hybrid.img`, `unicode.pf2`, `memtest.bin`, `memtest.efi` */
  folder: string;
  /** e.g. `6.12.107+deb13-amd64` */
  kernelVersion: string;
  packages: InstalledPackage[];
}

export async function bootFiles(ctx: BuildContext): Promise<BootFiles> {
  return ctx.progress.step('Fetch kernel and boot loaders', async (report) => {
    const sources = await debianSources(ctx);
    const inputs = {
      recipe: RECIPE,
      packages: PACKAGES,
      grub: [GRUB_PC_MODULES, FIND_MEDIUM],
      sources: sources.map(sourceLine),
      releases: await releaseDigests(ctx, sources),
    };
    const { folder, hit } = await ctx.cache.entry('boot', inputs, async (work) => {
      const tree = join(work, 'tree');
      const packages = await debootstrapTree(ctx, {
        folder: tree,
        variant: 'extract',
        sources,
        packages: PACKAGES,
        report,
      });
      await collect(tree, work);
      await writeFile(join(work, 'packages.json'), JSON.stringify(packages.filter((p) => SHIPPED.test(p.name))));
      await rm(tree, { recursive: true, force: true });
    });
    if (hit) report.cached();
    const [kernelVersion = ''] = await readdir(join(folder, 'modules'));
    return {
      folder,
      kernelVersion,
      packages: JSON.parse(await readFile(join(folder, 'packages.json'), 'utf8')) as InstalledPackage[],
    };
  });
}

/** Takes the files that are needed out of the unpacked tree. */
async function collect(tree: string, to: string): Promise<void> {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${name}`, join(tree, name)).catch(() => {});
  const copy = (from: string, name: string) =>
    cp(join(tree, from), join(to, name), { recursive: true, preserveTimestamps: true });
  const kernel = (await readdir(join(tree, 'boot'))).find((name) => name.startsWith('vmlinuz-'));
  if (!kernel) throw new Error('the kernel package holds no /boot/vmlinuz-*');
  await copy(`boot/${kernel}`, 'vmlinuz');
  await copy('usr/bin/busybox', 'busybox');
  await copy('usr/lib/modules', 'modules');
  await copy('usr/lib/shim/shimx64.efi.signed', 'shimx64.efi');
  await copy('usr/lib/shim/mmx64.efi.signed', 'mmx64.efi');
  await copy('usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed', 'grubx64.efi');
  await copy('usr/lib/grub/i386-pc/boot_hybrid.img', 'boot_hybrid.img');
  await copy('usr/share/grub/unicode.pf2', 'unicode.pf2');
  await copy('boot/memtest86+x64.bin', 'memtest.bin');
  await copy('boot/memtest86+x64.efi', 'memtest.efi');
  await grubForBios(tree, join(to, 'eltorito.img'));
}

/** GRUB for BIOS, as one El Torito boot image that the hybrid MBR loads too. Made by the suite's own grub-mkimage. */
async function grubForBios(tree: string, to: string): Promise<void> {
  await mkdir(join(tree, 'tmp'), { recursive: true });
  await writeFile(join(tree, 'tmp/early.cfg'), FIND_MEDIUM);
  await run([
    'chroot',
    tree,
    'grub-mkimage',
    '--format',
    'i386-pc-eltorito',
    '--directory',
    '/usr/lib/grub/i386-pc',
    '--prefix',
    '/boot/grub',
    '--config',
    '/tmp/early.cfg',
    '--output',
    '/tmp/eltorito.img',
    ...GRUB_PC_MODULES,
  ]);
  await cp(join(tree, 'tmp/eltorito.img'), to);
}
