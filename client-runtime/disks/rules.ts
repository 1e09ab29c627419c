/** Which disk may carry a desktop, and why another may not. Pure: the same rules for the list and for the guard. */
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import type { DiskReason } from '../kiosk/protocol.ts';
import type { BlockDevice, Disk } from './inventory.ts';

/** The one device that lies over the disk in use; see `guard.ts`. */
export const MAPPED_NAME = 'flexdeploy-disk';
export const MAPPED_PATH = `/dev/mapper/${MAPPED_NAME}`;

/** What every boot medium of ours carries: the partition for flexdeploy.json, the ISO itself, its EFI partition. */
const BOOT_MEDIUM_LABEL = /^(FLEXDEPLOY|FLEXDEPLOY_LIVE|FLEXDEP_ESP)$/;

export function identityOf({ serial, wwn, model, bytes }: BlockDevice): DiskIdentity {
  return { serial, wwn, model, bytes };
}

/** The same disk by its name. Without serial number and WWN a disk is equal to none. */
export function sameName(a: Pick<DiskIdentity, 'serial' | 'wwn'>, b: Pick<DiskIdentity, 'serial' | 'wwn'>): boolean {
  return (a.serial !== '' && a.serial === b.serial) || (a.wwn !== '' && a.wwn === b.wwn);
}

export function sameDisk(a: DiskIdentity, b: DiskIdentity): boolean {
  return sameName(a, b) && a.serial === b.serial && a.wwn === b.wwn && a.model === b.model && a.bytes === b.bytes;
}

/**
 * Why this disk must not be written; undefined: it may.
 * @param needed bytes of the desktop's disk
 * @param failing what SMART says
 * @param ours kernel name (dm-0) of the device that we have put over it ourselves
 */
export function reasonAgainst(
  disk: Disk,
  all: readonly Disk[],
  options: { needed: number; failing: boolean; ours?: string | undefined },
): DiskReason | undefined {
  if (isBootMedium(disk)) return { kind: 'bootMedium' };
  if (disk.removable && !disk.embedded) return { kind: 'removable' };
  if (disk.serial === '' && disk.wwn === '') return { kind: 'noName' };
  if (all.filter((other) => sameName(other, disk)).length > 1) return { kind: 'twin' };
  if (!driverAgrees(disk)) return { kind: 'changing' };
  if (disk.readOnly) return { kind: 'readOnly' };
  if (disk.sectorBytes !== 512) return { kind: 'sectorSize', bytes: disk.sectorBytes };
  if (disk.bytes < options.needed) return { kind: 'tooSmall', needed: options.needed };
  const use = useOf(disk, options.ours);
  if (use) return { kind: 'inUse', by: use };
  if (options.failing) return { kind: 'failing' };
  return undefined;
}

/** What uses the disk now, in the system's own words: a mount point, `lvm`, `raid1`, dm-3; undefined: nothing. */
function useOf(disk: Disk, ours: string | undefined): string | undefined {
  const everything = [disk, ...below(disk)].filter((d) => d.name !== ours);
  const mount = everything.flatMap((d) => d.mounts).at(0);
  if (mount !== undefined) return mount;
  const layer = below(disk).find((d) => d.type !== 'part' && d.name !== ours);
  if (layer) return layer.type;
  return disk.holders.find((holder) => holder !== ours);
}

function below(device: BlockDevice): BlockDevice[] {
  return device.children.flatMap((child) => [child, ...below(child)]);
}

function isBootMedium(disk: Disk): boolean {
  return [disk, ...disk.children].some(
    (d) => BOOT_MEDIUM_LABEL.test(d.label) || BOOT_MEDIUM_LABEL.test(d.partitionLabel),
  );
}

/** udev's records may be of the disk that had this name before: what the driver says now must be the same. */
function driverAgrees({ serial, driverSerial }: Disk): boolean {
  const [told, real] = [serial, driverSerial].map((s) => s.replace(/[\s_]/g, '').toLowerCase()) as [string, string];
  return told === '' || real === '' || told.includes(real) || real.includes(told);
}

/** The reason in a sentence, for the log and for the server. The kiosk has its own words in each language. */
export function inWords(reason: DiskReason): string {
  switch (reason.kind) {
    case 'bootMedium':
      return 'it is the medium that FlexDeploy starts from';
    case 'removable':
      return 'it can be pulled out while it is in use';
    case 'noName':
      return 'it has no serial number, so it cannot be told from another';
    case 'twin':
      return 'another disk of this PC has the same serial number';
    case 'changing':
      return 'its serial number is not what it was a moment ago';
    case 'readOnly':
      return 'it is write-protected';
    case 'sectorSize':
      return `it has sectors of ${reason.bytes} bytes, and desktops need 512`;
    case 'tooSmall':
      return `it is smaller than the desktop's disk (${reason.needed} bytes)`;
    case 'inUse':
      return `it is in use (${reason.by})`;
    case 'failing':
      return 'it reports that it is about to fail (SMART)';
  }
}
