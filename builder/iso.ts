/**
 * The ISO: CD and USB stick in one, for BIOS (GRUB), UEFI and UEFI Secure Boot (shim, signed GRUB, signed kernel).
 * xorriso makes the file system; the partition table of the stick is ours: FLEXDEPLOY first, then the EFI system partition,
 * both being files of the ISO.
 */
import { cp, link, mkdir, open, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#common/run.ts';
import { configPartition } from '../pxe-less-boot/config-partition.ts';
import { writeFatImage } from '../pxe-less-boot/fat-image.ts';
import { renderGrubMenu } from '../pxe-less-boot/grub-menu.ts';
import { PARTITION_TABLE_OFFSET, partitionTable } from '../pxe-less-boot/mbr.ts';
import { type BootFiles, FIND_MEDIUM } from './boot-files.ts';
import { type BuildContext, SOURCE_DATE_EPOCH } from './context.ts';
import type { LiveProfile } from './profile.ts';

/** Seconds that the menu waits before it starts. */
const MENU_SECONDS = 2;
const ISO_LABEL = 'FLEXDEPLOY_LIVE';
/** Sectors of 512 bytes in a block of an ISO file system. */
const SECTORS_PER_BLOCK = 4;

/** Makes `flexdeploy-NAME.iso` in `out`, where `vmlinuz` and `initrd.img` are already. */
export async function makeIso(ctx: BuildContext, profile: LiveProfile, boot: BootFiles, out: string): Promise<void> {
  await ctx.progress.step('Make the ISO', async () => {
    const tree = join(ctx.workFolder, 'iso');
    await stageMedium(ctx, profile, boot, out, tree);
    const iso = join(out, `flexdeploy-${profile.name}.iso`);
    const date = new Date(SOURCE_DATE_EPOCH * 1000).toISOString().replace(/\D/g, '').slice(0, 14);
    await run(
      [
        'xorriso',
        '-as',
        'mkisofs',
        '-quiet',
        // the finished build is synchronised as a whole
        '--stdio_sync',
        'off',
        '-o',
        iso,
        '-V',
        ISO_LABEL,
        '-iso-level',
        '3',
        '-R',
        '-joliet',
        '-joliet-long',
        `--modification-date=${date}00`,
        '--set_all_file_dates',
        `${date}00`,
        '-uid',
        '0',
        '-gid',
        '0',
        '-b',
        'boot/grub/eltorito.img',
        '-no-emul-boot',
        '-boot-load-size',
        '4',
        '-boot-info-table',
        '--grub2-boot-info',
        '--grub2-mbr',
        join(boot.folder, 'boot_hybrid.img'),
        '-eltorito-alt-boot',
        '-e',
        'esp.img',
        '-no-emul-boot',
        tree,
      ],
      { timeoutMs: 300_000, signal: ctx.signal, env: { SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH), TZ: 'UTC' } },
    );
    await writePartitionTable(iso);
    await rm(tree, { recursive: true });
  });
}

/** Everything that the ISO holds, in a folder. */
async function stageMedium(
  ctx: BuildContext,
  profile: LiveProfile,
  boot: BootFiles,
  out: string,
  tree: string,
): Promise<void> {
  await mkdir(join(tree, 'live'), { recursive: true });
  await mkdir(join(tree, 'boot/grub'), { recursive: true });
  await mkdir(join(tree, 'EFI/debian'), { recursive: true });
  for (const name of ['vmlinuz', 'initrd.img']) await link(join(out, name), join(tree, 'live', name));
  for (const name of ['memtest.bin', 'memtest.efi']) await cp(join(boot.folder, name), join(tree, 'live', name));
  await writeFile(join(tree, 'live/medium'), `FlexDeploy ${ctx.version}\n`);
  await cp(join(boot.folder, 'eltorito.img'), join(tree, 'boot/grub/eltorito.img'));
  const menu = await renderGrubMenu({
    version: ctx.version,
    timeoutSeconds: MENU_SECONDS,
    commandLine: profile.kernelCommandLine,
  });
  await writeFile(join(tree, 'boot/grub/grub.cfg'), menu);
  // signed GRUB looks for its configuration in EFI/debian of the device it was loaded from
  const efiStart = `${FIND_MEDIUM}configfile $prefix/grub.cfg\n`;
  await writeFile(join(tree, 'EFI/debian/grub.cfg'), efiStart);
  await writeFatImage(join(tree, 'esp.img'), {
    label: 'FLEXDEP_ESP',
    mib: 6,
    volumeId: '46440002',
    date: SOURCE_DATE_EPOCH,
    files: {
      'EFI/BOOT/BOOTX64.EFI': { file: join(boot.folder, 'shimx64.efi') },
      'EFI/BOOT/grubx64.efi': { file: join(boot.folder, 'grubx64.efi') },
      'EFI/BOOT/mmx64.efi': { file: join(boot.folder, 'mmx64.efi') },
      'EFI/debian/grub.cfg': efiStart,
    },
  });
  await writeFatImage(join(tree, 'config.img'), await configPartition(ctx.options.config, SOURCE_DATE_EPOCH));
  for (const name of await readdir(tree, { recursive: true }))
    await utimes(join(tree, name), SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH);
}

/** Makes the two FAT images of the ISO visible as partitions. */
async function writePartitionTable(iso: string): Promise<void> {
  const config = await extentOf(iso, '/config.img');
  const esp = await extentOf(iso, '/esp.img');
  const file = await open(iso, 'r+');
  try {
    const table = partitionTable([
      // some BIOSes only start from a stick that has an active partition
      { type: 0x0c, active: true, ...config },
      { type: 0xef, active: false, ...esp },
    ]);
    await file.write(table, 0, table.length, PARTITION_TABLE_OFFSET);
  } finally {
    await file.close();
  }
}

async function extentOf(iso: string, path: string): Promise<{ firstSector: number; sectors: number }> {
  const { stdout } = await run(['xorriso', '-indev', iso, '-find', path, '-exec', 'report_lba', '--']);
  // File data lba:  0 ,     1234 ,     2048 ,  4194304 , '/config.img'
  const match = /File data lba:\s*0 ,\s*(\d+) ,\s*\d+ ,\s*(\d+) ,/.exec(stdout);
  if (!match?.[1] || !match[2]) throw new Error(`xorriso does not say where ${path} lies`);
  return { firstSector: Number(match[1]) * SECTORS_PER_BLOCK, sectors: Number(match[2]) / 512 };
}
