/** The server appliance: boots, takes an address by DHCP, makes its keys and its storage, and shows how to set it up. */
import { BOOT_PACKAGES, CORE_IMAGE_COMMAND } from '../disk-image.ts';
import { INITRAMFS_COMMANDS } from '../disk-initramfs.ts';
import { COMMON_PATH_EXCLUDES, COMMON_PATH_INCLUDES, type DiskProfile } from '../profile.ts';
import { SERVER_PACKAGES } from '../server-packages.ts';

const system = [
  'systemd',
  'systemd-sysv',
  'systemd-resolved',
  'systemd-timesyncd',
  'libnss-resolve',
  'dbus',
  'login',
  'passwd',
  'iputils-ping',
  'netbase',
  'less',
];

export const server: DiskProfile = {
  kind: 'disk',
  name: 'server',
  title: 'FlexDeploy server',
  diskGiB: 8,
  // The last console is /dev/console: what systemd has to say in trouble goes to both, a shell in trouble to the screen.
  kernelCommandLine: ['console=ttyS0,115200', 'console=tty0', 'quiet', 'loglevel=3', 'systemd.gpt_auto=0', 'panic=10'],
  root: {
    packages: [...system, ...BOOT_PACKAGES, ...SERVER_PACKAGES],
    firmware: [
      'firmware-bnx2',
      'firmware-bnx2x',
      'firmware-realtek',
      'firmware-misc-nonfree',
      'intel-microcode',
      'amd64-microcode',
    ],
    pathExcludes: [
      ...COMMON_PATH_EXCLUDES,
      // network boot ROMs: desktops do not boot from the network
      '/usr/lib/ipxe/*',
      '/usr/share/qemu/*.rom',
      // machines of other architectures
      '/usr/share/qemu/*.dtb',
      '/usr/share/qemu/openbios-*',
      '/usr/share/qemu/hppa-*',
      '/usr/share/qemu/u-boot*',
      '/usr/share/qemu/skiboot.lid',
      '/usr/share/qemu/slof.bin',
      '/usr/share/qemu/palcode-clipper',
    ],
    pathIncludes: [...COMMON_PATH_INCLUDES],
    trim: [],
    // the same account as in image-overlay/server/usr/lib/sysusers.d/flexdeploy.conf
    users: [{ name: 'flexdeploy-qemu', uid: 801, home: '/nonexistent', groups: ['kvm'] }],
    chrootCommands: [...INITRAMFS_COMMANDS, CORE_IMAGE_COMMAND],
  },
  overlays: ['server', 'server-appliance'],
  bundles: [
    { kind: 'node', entry: 'server/main.ts', to: 'usr/lib/flexdeploy/server.mjs' },
    { kind: 'node', entry: 'server/cli/main.ts', to: 'usr/lib/flexdeploy/cli.mjs' },
  ],
  withNode: true,
  enable: [
    { unit: 'flexdeploy-server.service', wantedBy: 'multi-user.target' },
    { unit: 'flexdeploy-console.path', wantedBy: 'multi-user.target' },
    { unit: 'flexdeploy-console.service', wantedBy: 'multi-user.target' },
    { unit: 'systemd-networkd.service', wantedBy: 'multi-user.target' },
    { unit: 'systemd-resolved.service', wantedBy: 'sysinit.target' },
    { unit: 'systemd-timesyncd.service', wantedBy: 'sysinit.target' },
    { unit: 'fstrim.timer', wantedBy: 'timers.target' },
  ],
  mask: [
    // The status screen is on tty1; the serial line carries status lines only.
    'getty@tty1.service',
    'serial-getty@.service',
    'autovt@.service',
    'ctrl-alt-del.target',
    // Nobody has a session here.
    'systemd-logind.service',
    // Caches that the build has made already, and one-time work that it has done
    'ldconfig.service',
    'systemd-hwdb-update.service',
    'systemd-journal-catalog-update.service',
    'systemd-sysusers.service',
    'systemd-firstboot.service',
    'systemd-update-done.service',
    'systemd-networkd-wait-online.service',
    'systemd-binfmt.service',
    'grub-common.service',
    'e2scrub_reap.service',
    'e2scrub_all.timer',
    'apt-daily.timer',
    'apt-daily-upgrade.timer',
    'dpkg-db-backup.timer',
    // Activating a thin pool starts its monitoring; the scan at boot and the one at shutdown add nothing.
    'lvm2-monitor.service',
    'blk-availability.service',
    // Resources are brought up by the server, not by a list in /etc.
    'drbd.service',
  ],
  files: [],
};
