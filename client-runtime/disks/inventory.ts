/**
 * What block devices are there at this moment, from lsblk (which reads udev and sysfs) and from sysfs itself. Nothing is
 * kept: names like sda move from disk to disk, so whoever needs a disk asks again.
 */
import { readdir, readFile } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';

const Text = Type.Union([Type.String(), Type.Null()]);
const Row = Type.Object({
  kname: Type.String(),
  type: Type.String(),
  'maj:min': Type.String(),
  size: Type.Union([Type.Integer(), Type.Null()]),
  model: Text,
  serial: Text,
  wwn: Text,
  rm: Type.Boolean(),
  hotplug: Type.Boolean(),
  tran: Text,
  ro: Type.Boolean(),
  'log-sec': Type.Union([Type.Integer(), Type.Null()]),
  mountpoints: Type.Array(Text),
  fstype: Text,
  label: Text,
  partlabel: Text,
  parttypename: Text,
  pttype: Text,
  start: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
});
type Row = Static<typeof Row> & { children?: Row[] };
const COLUMNS = Object.keys(Row.properties).join(',').toUpperCase();

/** A disk, a partition, or whatever lies on one. Sizes are bytes. */
export interface BlockDevice {
  name: string;
  /** `major:minor`. */
  number: string;
  type: string;
  bytes: number;
  model: string;
  serial: string;
  wwn: string;
  removable: boolean;
  transport: string;
  readOnly: boolean;
  sectorBytes: number;
  /** Where it is mounted; `[SWAP]` for swap in use. */
  mounts: string[];
  fileSystem: string;
  label: string;
  partitionLabel: string;
  partitionType: string;
  partitionTable: string;
  children: BlockDevice[];
}

/** A whole disk, with what only sysfs knows. */
export interface Disk extends BlockDevice {
  /** Kernel names of what holds the disk or a part of it open for itself (device mapper, RAID, bcache). */
  holders: string[];
  /** Grows with every disk the kernel meets: the same number is the same disk, whatever its name. */
  sequence: string;
  /** The serial number as the driver tells it now; empty where the driver tells none. */
  driverSerial: string;
  /** Soldered on like a disk, although the kernel calls its bus hot-pluggable. */
  embedded: boolean;
}

/** RAM disks, loop devices, network disks: never a PC's own disk. */
const NO_DISK = /^(ram|zram|loop|fd|nbd|drbd|dm-|md|sr)\d/;

/**
 * The PC's whole disks, as they are at this moment.
 * @throws UserError when lsblk cannot say
 */
export async function readDisks(): Promise<Disk[]> {
  const { stdout } = await run(['lsblk', '--json', '--bytes', '--output', COLUMNS], { timeoutMs: 20_000 });
  return await Promise.all(parseInventory(stdout).map(withSysfs));
}

/** Whole disks with their children, from `lsblk --json --bytes`. */
export function parseInventory(json: string): BlockDevice[] {
  const { blockdevices } = JSON.parse(json) as { blockdevices: Row[] };
  return blockdevices.filter((row) => row.type === 'disk' && !NO_DISK.test(row.kname)).map(device);
}

function device(row: Row): BlockDevice {
  const { kname } = row;
  if (!Value.Check(Row, row)) throw new UserError(`lsblk described ${kname} in an unknown way`);
  return {
    name: row.kname,
    number: row['maj:min'].trim(),
    type: row.type,
    bytes: row.size ?? 0,
    model: clean(row.model),
    serial: clean(row.serial),
    wwn: clean(row.wwn),
    removable: row.rm || row.hotplug,
    transport: clean(row.tran),
    readOnly: row.ro,
    sectorBytes: row['log-sec'] ?? 512,
    mounts: row.mountpoints.filter((m) => m !== null),
    fileSystem: clean(row.fstype),
    label: clean(row.label),
    partitionLabel: clean(row.partlabel),
    partitionType: clean(row.parttypename),
    partitionTable: clean(row.pttype),
    children: (row.children ?? []).map(device),
  };
}

async function withSysfs(disk: BlockDevice): Promise<Disk> {
  const folder = `/sys/class/block/${disk.name}`;
  const parts = disk.children.filter((c) => c.type === 'part').map((c) => `/sys/class/block/${c.name}`);
  const holders = await Promise.all([folder, ...parts].map((f) => readdir(`${f}/holders`).catch(() => [])));
  const [sequence, cardType, ...serials] = await Promise.all([
    text(`${folder}/diskseq`),
    text(`${folder}/device/type`),
    text(`${folder}/serial`), // virtio
    text(`${folder}/device/serial`), // NVMe, MMC
    text(`${folder}/device/vpd_pg80`), // SCSI and SATA: SPC-3, unit serial number page; 4 bytes, then the number
  ]);
  return {
    ...disk,
    holders: [...new Set(holders.flat())],
    sequence,
    driverSerial: serials.find((s) => s !== '') ?? '',
    embedded: cardType === 'MMC',
  };
}

/** As the server is told in the machine's facts: without spaces around, 128 characters at most. */
function clean(value: string | null): string {
  return (value ?? '').trim().slice(0, 128);
}

async function text(path: string): Promise<string> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  const start = path.endsWith('vpd_pg80') ? 4 : 0;
  return bytes
    .subarray(start)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '')
    .trim();
}
