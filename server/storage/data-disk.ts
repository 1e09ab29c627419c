/**
 * Which disk becomes the data disk of a new server. Pure: what `lsblk` and a look at the content found goes in, a
 * disk or a reason comes out. Anything unexpected means: nothing is written (design.md 9, the disk guard).
 */
import { type Static, Type } from 'typebox';

export const BlockDevice = Type.Object({
  path: Type.String(),
  type: Type.String(),
  size: Type.Integer({ description: 'bytes' }),
  ro: Type.Boolean(),
  rm: Type.Boolean({ description: 'removable medium' }),
  hotplug: Type.Boolean(),
  tran: Type.Union([Type.String(), Type.Null()]),
  serial: Type.Union([Type.String(), Type.Null()]),
  wwn: Type.Union([Type.String(), Type.Null()]),
  model: Type.Union([Type.String(), Type.Null()]),
  fstype: Type.Union([Type.String(), Type.Null()]),
  pttype: Type.Union([Type.String(), Type.Null()]),
  mountpoints: Type.Array(Type.Union([Type.String(), Type.Null()])),
  children: Type.Optional(Type.Array(Type.Object({ path: Type.String() }))),
});
export type BlockDevice = Static<typeof BlockDevice>;

export const LsblkReport = Type.Object({ blockdevices: Type.Array(BlockDevice) });

/** The columns of `lsblk --json --bytes --output …` that make a {@link BlockDevice}. */
export const LSBLK_COLUMNS = 'PATH,TYPE,SIZE,RO,RM,HOTPLUG,TRAN,SERIAL,WWN,MODEL,FSTYPE,PTTYPE,MOUNTPOINTS';

/** A smaller disk holds no desktop worth having. */
export const MINIMUM_BYTES = 4 * 1024 ** 3;

/** What was found by reading a disk: signatures that `wipefs` and `blkid` know, or bytes that are not zero. */
export type DiskContent =
  | { kind: 'blank' }
  | { kind: 'signature'; what: string }
  | { kind: 'data' /** Offset of the first byte seen that is not zero. */; offset: number };

export type Choice =
  | { kind: 'chosen'; path: string; serial: string }
  /** A sentence for the server's console, and what to do. */
  | { kind: 'none'; reason: string; hint: string };

/** Disks whose content is worth looking at: whole, fixed, writable, unused, and large enough. */
export function candidates(devices: readonly BlockDevice[]): BlockDevice[] {
  return devices.filter((d) => objection(d) === undefined);
}

/** Why this disk is not a candidate, or undefined. */
export function objection(d: BlockDevice): string | undefined {
  if (d.type !== 'disk' || /^\/dev\/(zram|ram|nbd|loop|dm-|md)/.test(d.path)) return 'not a disk';
  if (d.rm || d.hotplug || d.tran === 'usb') return 'removable';
  if (d.ro) return 'read-only';
  if ((d.children ?? []).length > 0) return 'has partitions or volumes';
  if (d.mountpoints.some((m) => m !== null)) return 'in use';
  if (d.pttype !== null) return `has a partition table (${d.pttype})`;
  if (d.fstype !== null) return `holds ${d.fstype}`;
  if (d.size < MINIMUM_BYTES) return `smaller than ${MINIMUM_BYTES / 1024 ** 3} GiB`;
  return undefined;
}

/**
 * Chooses the data disk. `wanted`: serial number or WWN from the configuration; a disk that is named may hold old
 * bytes, but no signature of anything. Without it there has to be exactly one candidate, and it has to be all zero.
 */
export function chooseDataDisk(
  devices: readonly BlockDevice[],
  contents: ReadonlyMap<string, DiskContent>,
  wanted: string | undefined,
): Choice {
  const hint = 'Add an empty disk, or name one by its serial number (dataDisk in /etc/flexdeploy/server.json).';
  if (wanted !== undefined) {
    const named = devices.filter((d) => d.serial === wanted || d.wwn === wanted);
    const [disk] = named;
    if (!disk) return none(`the configured data disk ${wanted} is not there`, hint);
    if (named.length > 1) return none(`several disks have the serial number ${wanted}`, 'Name it by its WWN.');
    const why = objection(disk) ?? contentObjection(contents.get(disk.path), true);
    if (why) return none(`the configured data disk ${wanted} was left alone: ${why}`, 'Empty it first (wipefs -a).');
    return { kind: 'chosen', path: disk.path, serial: disk.serial ?? '' };
  }
  const possible = candidates(devices);
  const blank = possible.filter((d) => contentObjection(contents.get(d.path), false) === undefined);
  if (blank.length > 1) {
    const names = blank.map((d) => `${d.path} (serial ${d.serial ?? 'unknown'})`).join(', ');
    return none(`several disks are empty: ${names}`, 'Name one by its serial number (dataDisk).');
  }
  const [disk] = blank;
  if (disk) return { kind: 'chosen', path: disk.path, serial: disk.serial ?? '' };
  const seen = devices
    .filter((d) => objection(d) !== 'not a disk')
    .map((d) => `${d.path} ${objection(d) ?? contentObjection(contents.get(d.path), false) ?? ''}`.trim());
  return none(`no empty disk for desktops was found${seen.length > 0 ? `: ${seen.join('; ')}` : ''}`, hint);
}

function contentObjection(content: DiskContent | undefined, named: boolean): string | undefined {
  switch (content?.kind) {
    case 'blank':
      return undefined;
    case 'signature':
      return `holds ${content.what}`;
    case 'data':
      return named ? undefined : `is not empty (data at byte ${content.offset})`;
    case undefined:
      return 'could not be read';
    default:
      return content satisfies never;
  }
}

function none(reason: string, hint: string): Choice {
  return { kind: 'none', reason, hint };
}
