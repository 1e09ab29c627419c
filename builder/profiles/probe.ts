import { BOOT_PACKAGES, CORE_IMAGE_COMMAND } from '../disk-image.ts';
import { INITRAMFS_COMMANDS } from '../disk-initramfs.ts';
import { COMMON_PATH_EXCLUDES, COMMON_PATH_INCLUDES, type DiskProfile } from '../profile.ts';

/** Modules that a virtual machine never loads: two thirds of the kernel's package. */
const NEVER_LOADED = [
  'drivers/gpu',
  'drivers/net/wireless',
  'drivers/net/ethernet',
  'drivers/media',
  'drivers/staging',
];

/**
 * A desktop for tests: no screen worth looking at, but a service that writes numbered records to the disk for ever, each
 * one durably, and tells a lab on this machine about each one after it is safe. What the lab was told must never be lost.
 */
export const probe: DiskProfile = {
  kind: 'disk',
  name: 'probe',
  title: 'a desktop for tests, which writes and tells what it wrote',
  diskGiB: 1,
  kernelCommandLine: [
    'console=tty0',
    'console=ttyS0,115200',
    'quiet',
    'net.ifnames=0',
    // a lab kills and revives it all day
    'panic=-1',
  ],
  root: {
    packages: ['systemd', 'systemd-sysv', 'iproute2', 'procps', ...BOOT_PACKAGES],
    firmware: [],
    pathExcludes: [...COMMON_PATH_EXCLUDES, ...NEVER_LOADED.map((path) => `/usr/lib/modules/*/kernel/${path}/*`)],
    pathIncludes: COMMON_PATH_INCLUDES,
    trim: [],
    users: [],
    chrootCommands: [...INITRAMFS_COMMANDS, CORE_IMAGE_COMMAND],
  },
  overlays: ['probe'],
  bundles: [],
  withNode: false,
  enable: [{ unit: 'flexdeploy-probe.service', wantedBy: 'basic.target' }],
  mask: [
    'ldconfig.service',
    'systemd-hwdb-update.service',
    'systemd-journal-catalog-update.service',
    'systemd-sysusers.service',
    'systemd-firstboot.service',
    'systemd-update-done.service',
    'systemd-binfmt.service',
    'systemd-timesyncd.service',
    'apt-daily.timer',
    'apt-daily-upgrade.timer',
    'dpkg-db-backup.timer',
    'e2scrub_reap.service',
    'e2scrub_all.timer',
    'grub-common.service',
    'getty@tty1.service',
    'serial-getty@.service',
  ],
  files: [],
};
