/** The sample desktop: a small, complete graphical Debian. An ordinary system that boots in a VM and, later, natively in a PC. */
import { WINDOW_PACKAGES } from '../agent-files.ts';
import { BOOT_PACKAGES, CORE_IMAGE_COMMAND } from '../disk-image.ts';
import { INITRAMFS_COMMANDS } from '../disk-initramfs.ts';
import { COMMON_PATH_EXCLUDES, COMMON_PATH_INCLUDES, type DiskProfile } from '../profile.ts';

/** `openssl passwd -6 -salt flexdeploy flexdeploy`: a sample's password is no secret, and a random salt would change the image. */
const PASSWORD_HASH =
  '$6$flexdeploy$FoFeetbDEYwkZPaJ0YQc9Tjii/rdfiRfPwC0te3xCEKVQJVw4VA6e3VntUoCc5yQPA7OqW1fm46XTjNZ8808X.';

const system = [
  'systemd',
  'systemd-sysv',
  'systemd-resolved',
  'systemd-timesyncd',
  'libnss-resolve',
  'dbus',
  'dbus-user-session',
  'libpam-systemd',
  // of the serial line; not essential any more in Debian 13
  'login',
  'polkitd',
  'sudo',
  'iproute2',
  'iputils-ping',
  'netbase',
  'ca-certificates',
  'less',
  'nano',
  'procps',
  'pciutils',
];

const graphics = [
  'xserver-xorg-core',
  'xserver-xorg-input-libinput',
  'xinit',
  'xauth',
  'x11-xserver-utils',
  'x11-xkb-utils',
  'xkb-data',
  'xclip',
  'openbox',
  'tint2',
  'jgmenu',
  'spice-vdagent',
  'pulseaudio',
  'pulseaudio-utils',
  'alsa-utils',
  'volumeicon-alsa',
];

const applications = ['pcmanfm', 'gvfs', 'lxterminal', 'mousepad', 'netsurf-gtk', 'xdg-utils', 'xdg-user-dirs'];

const appearance = [
  'adwaita-icon-theme',
  'hicolor-icon-theme',
  'librsvg2-common',
  'shared-mime-info',
  'desktop-file-utils',
  'fonts-inter',
  'fonts-jetbrains-mono',
  'fonts-dejavu-core',
];

export const desktop: DiskProfile = {
  kind: 'disk',
  name: 'desktop',
  title: 'a small sample desktop: the golden image for demo and tests',
  diskGiB: 4,
  // The screen is the main console; the serial line gets kernel messages that matter and a login.
  kernelCommandLine: ['console=ttyS0,115200', 'console=tty0', 'quiet', 'loglevel=3', 'vt.global_cursor_default=0'],
  root: {
    packages: [...system, ...BOOT_PACKAGES, ...graphics, ...applications, ...appearance, ...WINDOW_PACKAGES],
    firmware: [
      'firmware-amd-graphics',
      'firmware-intel-graphics',
      'firmware-realtek',
      'firmware-iwlwifi',
      'firmware-misc-nonfree',
    ],
    pathExcludes: COMMON_PATH_EXCLUDES,
    pathIncludes: COMMON_PATH_INCLUDES,
    // started when something asks for it on the bus, not at boot
    trim: ['etc/systemd/system/graphical.target.wants/udisks2.service'],
    users: [],
    chrootCommands: [
      [
        'useradd',
        '--create-home',
        '--uid',
        '1000',
        '--user-group',
        '--shell',
        '/bin/bash',
        '--comment',
        'User',
        '--groups',
        'sudo,audio,video,plugdev',
        '--password',
        PASSWORD_HASH,
        'user',
      ],
      ...INITRAMFS_COMMANDS,
      CORE_IMAGE_COMMAND,
    ],
  },
  overlays: ['desktop'],
  bundles: [],
  withNode: false,
  withAgent: true,
  enable: [
    { unit: 'flexdeploy-desktop-session.service', wantedBy: 'graphical.target' },
    { unit: 'systemd-networkd.service', wantedBy: 'multi-user.target' },
    { unit: 'systemd-resolved.service', wantedBy: 'multi-user.target' },
    { unit: 'fstrim.timer', wantedBy: 'timers.target' },
  ],
  mask: [
    // Caches that the build has made already
    'ldconfig.service',
    'systemd-hwdb-update.service',
    'systemd-journal-catalog-update.service',
    // A sample that is cloned many times should not download updates by itself
    'apt-daily.timer',
    'apt-daily-upgrade.timer',
    'e2scrub_reap.service',
    'grub-common.service',
    'systemd-networkd-wait-online.service',
    'getty@tty1.service',
  ],
  files: [],
};
