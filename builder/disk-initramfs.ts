/** The initramfs of disk images: Debian's initramfs-tools with a fixed list of drivers, so that it is small and loads fast. */

/**
 * Drivers that find the root disk and a keyboard, in virtual machines and in real ones (the same disk boots natively).
 * Everything else is loaded from the disk. `MODULES=most` would make it four times the size.
 */
const MODULES: readonly string[] = [
  'ext4',
  'crc32c',
  // virtual machines
  'virtio_pci',
  'virtio_blk',
  'virtio_scsi',
  'xen_blkfront',
  'hv_storvsc',
  'vmw_pvscsi',
  'mptspi',
  // SATA, IDE, NVMe, USB, cards
  'sd_mod',
  'sr_mod',
  'ahci',
  'ata_piix',
  'ata_generic',
  'pata_acpi',
  'nvme',
  'vmd',
  'usb_storage',
  'uas',
  'sdhci_pci',
  'sdhci_acpi',
  'mmc_block',
  // RAID controllers of servers
  'megaraid_sas',
  'mpt3sas',
  'aacraid',
  'hpsa',
  'smartpqi',
  // USB, and keyboards for the emergency shell
  'xhci_pci',
  'ehci_pci',
  'ohci_pci',
  'uhci_hcd',
  'usbhid',
  'hid_generic',
  'atkbd',
  'i8042',
];

const CONF = ['MODULES=list', 'COMPRESS=zstd', 'COMPRESSLEVEL=19', 'RESUME=none'];

/**
 * Takes out what no early boot needs here: udev's hardware database (names only), and LVM with its thin tools, since the
 * root file system is never on LVM.
 */
const HOOK = [
  '#!/bin/sh',
  '[ "$1" = prereqs ] && exit 0',
  'cd "$DESTDIR" || exit 1',
  'rm -f usr/lib/udev/hwdb.bin usr/sbin/pdata_tools usr/sbin/lvm usr/sbin/vgchange usr/sbin/thin_* usr/sbin/cache_* usr/sbin/era_*',
  'rm -f usr/lib/udev/rules.d/*lvm* scripts/local-top/lvm* scripts/local-block/lvm*',
  'for order in scripts/local-top/ORDER scripts/local-block/ORDER; do',
  '  if [ -e "$order" ]; then sed -i /lvm/d "$order"; fi',
  'done',
];

const write = (path: string, lines: readonly string[]): readonly [string, ...string[]] => [
  'sh',
  '-c',
  `printf '%s\\n' "$@" > ${path}`,
  'sh',
  ...lines,
];

/** To run inside the root tree once its packages are there. Kernel updates in the running system keep to the same list. */
export const INITRAMFS_COMMANDS: readonly (readonly [string, ...string[]])[] = [
  write('/etc/initramfs-tools/modules', MODULES),
  write('/etc/initramfs-tools/conf.d/flexdeploy.conf', CONF),
  write('/etc/initramfs-tools/hooks/zz-flexdeploy', HOOK),
  ['chmod', '755', '/etc/initramfs-tools/hooks/zz-flexdeploy'],
  ['update-initramfs', '-u', '-k', 'all'],
];
