/**
 * Makes a bootable disk out of a root tree, as files only: no loop device, no mount, no grub-install.
 *
 * | Partition | What | Read by |
 * | --- | --- | --- |
 * | 1 | GRUB's core image | BIOS, through the boot sector |
 * | 2 | FAT: shim, signed GRUB, a grub.cfg that finds the root file system by its UUID | UEFI, Secure Boot too |
 * | 3 | ext4, the rest of the disk | the system |
 *
 * The UEFI files lie at the fallback path, so the disk boots in any machine, also one that never saw it before.
 */
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#common/run.ts';
import { fixedUuid, gpt, PARTITION_TYPE, type Partition, SECTOR } from './disk-gpt.ts';
import { bootSector, placeCoreImage } from './disk-grub.ts';

const MIB = 1024 ** 2;
const ESP_MIB = 64;
/** Where {@link CORE_IMAGE_COMMAND} leaves the core image in the root tree. */
const CORE_IMAGE = '/boot/grub/core.img';

/** Modules inside GRUB's core image: all that the menu needs, so nothing has to be found on the disk before the file system is readable. */
const CORE_MODULES =
  'biosdisk part_gpt ext2 normal configfile linux search search_fs_uuid echo test ls reboot halt minicmd serial terminal loadenv all_video gfxterm';

/** To run inside the root tree once its packages are there (grub2-common, grub-pc-bin): makes the BIOS core image. */
export const CORE_IMAGE_COMMAND: readonly [string, ...string[]] = [
  'sh',
  '-c',
  `mkdir -p /boot/grub && grub-mkimage -O i386-pc -o ${CORE_IMAGE} -p '(,gpt3)/boot/grub' ${CORE_MODULES}`,
];

/** Packages that every disk image needs in its root tree to boot: kernel, initramfs and GRUB for BIOS, UEFI and Secure Boot. */
export const BOOT_PACKAGES: readonly string[] = [
  'linux-image-amd64',
  'initramfs-tools',
  'zstd',
  'busybox',
  'kmod',
  'udev',
  'e2fsprogs',
  'grub2-common',
  'grub-pc-bin',
  'grub-efi-amd64-signed',
  'shim-signed',
];

export interface DiskLayout {
  sectors: number;
  diskGuid: string;
  espVolumeId: string;
  rootUuid: string;
  /** Keyed by what they are for; in the order of the disk. */
  partitions: { bios: Partition; esp: Partition; root: Partition };
}

/**
 * Where everything lies on the disk of a profile. The same name and size give the same identifiers.
 * @param diskGiB size that the disk shows to the machine
 */
export function diskLayout(name: string, diskGiB: number): DiskLayout {
  const sectors = (diskGiB * 1024 * MIB) / SECTOR;
  const mib = MIB / SECTOR;
  const uuid = (what: string) => fixedUuid('flexdeploy disk', name, what);
  return {
    sectors,
    diskGuid: uuid('disk'),
    espVolumeId: uuid('esp').replaceAll('-', '').slice(0, 8),
    rootUuid: uuid('root file system'),
    partitions: {
      bios: { type: PARTITION_TYPE.biosBoot, guid: uuid('p1'), name: 'bios-boot', firstLba: mib, lastLba: 2 * mib - 1 },
      esp: {
        type: PARTITION_TYPE.efiSystem,
        guid: uuid('p2'),
        name: 'esp',
        firstLba: 2 * mib,
        lastLba: (2 + ESP_MIB) * mib - 1,
      },
      // Last, so that it can grow with the disk. The MiB at the end holds the second copy of the table.
      root: {
        type: PARTITION_TYPE.linuxRootX86,
        guid: uuid('p3'),
        name: 'root',
        firstLba: (2 + ESP_MIB) * mib,
        lastLba: sectors - mib - 1,
      },
    },
  };
}

/** grub.cfg of the system. `/vmlinuz` and `/initrd.img` are the links that Debian keeps pointing at the newest kernel. */
export function grubConfig(layout: DiskLayout, title: string, kernelCommandLine: readonly string[]): string {
  const uuid = layout.rootUuid;
  const args = kernelCommandLine.join(' ');
  return `# Written by the image builder. update-grub replaces it by Debian's own menu.
set timeout=0
set default=0
search --no-floppy --fs-uuid --set=root ${uuid}
menuentry '${title}' {
  linux /vmlinuz root=UUID=${uuid} ro ${args}
  initrd /initrd.img
}
menuentry '${title} (recovery)' {
  linux /vmlinuz root=UUID=${uuid} ro single
  initrd /initrd.img
}
`;
}

/** grub.cfg on the FAT partition: finds the root file system on whatever disk it is, and goes on there. */
export function espGrubConfig(layout: DiskLayout): string {
  return `search --no-floppy --fs-uuid --set=root ${layout.rootUuid}
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
`;
}

/** /etc/fstab of the system. The root file system grows to its partition by itself. */
export function fstab(layout: DiskLayout): string {
  return `UUID=${layout.rootUuid} / ext4 defaults,noatime,errors=remount-ro,x-systemd.growfs 0 1\n`;
}

export interface DiskImageOptions {
  /** Complete root tree, with the owners that the files shall have. `/boot/grub/grub.cfg` and `/etc/fstab` are in it already. */
  root: string;
  layout: DiskLayout;
  /** The qcow2 file to write; its folder exists. */
  output: string;
  /** Folder for work in progress, on a file system with room for the unpacked image. */
  workFolder: string;
  /** Seconds since the epoch, for everything on the disk that has a time. */
  sourceDateEpoch: number;
  signal?: AbortSignal;
}

/** Writes the qcow2. On failure nothing is left at `output`. */
export async function makeDiskImage(options: DiskImageOptions): Promise<void> {
  const { layout, output, workFolder, signal } = options;
  await mkdir(workFolder, { recursive: true });
  const raw = join(workFolder, 'disk.raw');
  try {
    const file = await open(raw, 'w');
    await file.truncate(layout.sectors * SECTOR);
    await file.close();
    await makeRootFileSystem(raw, options);
    await makeEsp(raw, options);
    await writeTables(raw, options);
    await run(
      ['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-c', '-m', '4', '-o', 'compression_type=zstd', raw, output],
      { timeoutMs: 600_000, ...(signal && { signal }) },
    );
  } catch (error) {
    await rm(output, { force: true });
    throw error;
  } finally {
    await rm(raw, { force: true });
  }
}

async function makeRootFileSystem(raw: string, options: DiskImageOptions): Promise<void> {
  const { layout, root, sourceDateEpoch, signal } = options;
  const { firstLba, lastLba } = layout.partitions.root;
  const extended = [
    `offset=${firstLba * SECTOR}`,
    `hash_seed=${fixedUuid('flexdeploy hash seed', layout.rootUuid)}`,
    // The file is new and sparse: nothing to zero now, and nothing left for the kernel to initialise on the first boot.
    'assume_storage_prezeroed=1',
    'lazy_itable_init=0',
    'lazy_journal_init=0',
  ].join(',');
  const argv = ['-q', '-t', 'ext4', '-b', '4096', '-m', '1', '-L', 'root', '-U', layout.rootUuid, '-E', extended];
  // Features of mke2fs 1.47 that older rescue systems and GRUB do not know.
  argv.push(
    '-O',
    '^orphan_file,^metadata_csum_seed',
    '-d',
    root,
    '-F',
    raw,
    `${((lastLba - firstLba + 1) * SECTOR) / 1024}k`,
  );
  const time = String(sourceDateEpoch);
  await run([...ownProgram(root, 'mke2fs'), ...argv], {
    timeoutMs: 600_000,
    env: { SOURCE_DATE_EPOCH: time, MKE2FS_CONFIG: join(root, 'etc/mke2fs.conf') },
    ...(signal && { signal }),
  });
}

async function makeEsp(raw: string, options: DiskImageOptions): Promise<void> {
  const { layout, root, workFolder, sourceDateEpoch, signal } = options;
  const { firstLba } = layout.partitions.esp;
  const image = `${raw}@@${firstLba * SECTOR}`;
  const stub = join(workFolder, 'esp-grub.cfg');
  await writeFile(stub, espGrubConfig(layout));
  const more = {
    env: { SOURCE_DATE_EPOCH: String(sourceDateEpoch), MTOOLS_SKIP_CHECK: '1' },
    timeoutMs: 120_000,
    ...(signal && { signal }),
  };
  // 64 MiB with one sector a cluster: more than the 65,525 clusters that make a FAT a FAT32, which is what UEFI asks of a disk.
  const geometry = [
    '-T',
    String(ESP_MIB * (MIB / SECTOR)),
    '-h',
    '16',
    '-s',
    '63',
    '-H',
    String(firstLba),
    '-c',
    '1',
    '-F',
  ];
  await run(['mformat', '-i', image, ...geometry, '-N', layout.espVolumeId, '-v', 'ESP', '::'], more);
  await run(['mmd', '-i', image, '::/EFI', '::/EFI/BOOT', '::/EFI/debian'], more);
  const shim = join(root, 'usr/lib/shim/shimx64.efi.signed');
  const grub = join(root, 'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed');
  for (const [from, to] of [
    [shim, 'BOOT/BOOTX64.EFI'],
    [grub, 'BOOT/grubx64.efi'],
    [join(root, 'usr/lib/shim/mmx64.efi.signed'), 'BOOT/mmx64.efi'],
    // The signed GRUB has /EFI/debian built in as the place of its configuration.
    [stub, 'debian/grub.cfg'],
  ] as const) {
    await run(['mcopy', '-i', image, from, `::/EFI/${to}`], more);
  }
}

async function writeTables(raw: string, { root, layout }: DiskImageOptions): Promise<void> {
  const { bios, esp, root: rootPartition } = layout.partitions;
  const { head, tail } = gpt({ ...layout, partitions: [bios, esp, rootPartition] });
  const core = placeCoreImage(await readFile(join(root, CORE_IMAGE)), bios.firstLba);
  if (core.length > (bios.lastLba - bios.firstLba + 1) * SECTOR)
    throw new Error("GRUB's core image is larger than its partition");
  const boot = bootSector(await readFile(join(root, 'usr/lib/grub/i386-pc/boot.img')), head, bios.firstLba);
  boot.copy(head);
  const file = await open(raw, 'r+');
  try {
    await file.write(head, 0, head.length, 0);
    await file.write(tail, 0, tail.length, layout.sectors * SECTOR - tail.length);
    await file.write(core, 0, core.length, bios.firstLba * SECTOR);
  } finally {
    await file.close();
  }
}

/**
 * A program of the root tree itself, run on this machine: the disk does not depend on what the machine has, and mke2fs
 * before 1.47.1 (Debian 12) puts the time of the build into every inode.
 */
function ownProgram(root: string, name: string): [string, ...string[]] {
  const loader = join(root, 'usr/lib64/ld-linux-x86-64.so.2');
  return [loader, '--library-path', join(root, 'usr/lib/x86_64-linux-gnu'), join(root, 'usr/sbin', name)];
}
