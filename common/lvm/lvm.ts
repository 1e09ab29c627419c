/**
 * LVM, as far as thin pools need it. Reads are JSON reports; every change names exactly one volume group.
 * Needs root and the package lvm2 (and thin-provisioning-tools, without which a pool is not activated).
 */
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { UserError } from '#common/errors.ts';
import { type RunOptions, run } from '#common/run.ts';

export interface LogicalVolume {
  name: string;
  bytes: number;
  /** Thin pool it lives in; empty for the pool itself and for plain volumes. */
  pool: string;
  active: boolean;
  /** Of a pool: how full, in percent; undefined for anything else or when inactive. */
  dataPercent: number | undefined;
  metadataPercent: number | undefined;
  /** Of a pool: what writes get when it is full. */
  whenFull: 'error' | 'queue' | undefined;
}

export interface VolumeGroup {
  name: string;
  bytes: number;
  freeBytes: number;
}

const Report = <T extends TSchema>(kind: string, row: T) =>
  Type.Object({ report: Type.Array(Type.Object({ [kind]: Type.Array(row) })) });
const LvRow = Type.Object({
  lv_name: Type.String(),
  lv_size: Type.String(),
  pool_lv: Type.String(),
  lv_active: Type.String(),
  data_percent: Type.String(),
  metadata_percent: Type.String(),
  lv_when_full: Type.String(),
});
const ThinRow = Type.Object({ thin_id: Type.String() });
const VgRow = Type.Object({ vg_name: Type.String(), vg_size: Type.String(), vg_free: Type.String() });

const REPORT_OPTIONS = ['--reportformat', 'json', '--units', 'b', '--nosuffix'];

export async function volumeGroup(name: string): Promise<VolumeGroup | undefined> {
  const rows = await report('vg', VgRow, ['vgs', ...REPORT_OPTIONS, '-o', 'vg_name,vg_size,vg_free']);
  const row = rows.find((r) => r.vg_name === name);
  return row && { name, bytes: Number(row.vg_size), freeBytes: Number(row.vg_free) };
}

export async function logicalVolumes(group: string): Promise<LogicalVolume[]> {
  const fields = 'lv_name,lv_size,pool_lv,lv_active,data_percent,metadata_percent,lv_when_full';
  return parseVolumes(await report('lv', LvRow, ['lvs', ...REPORT_OPTIONS, '-o', fields, checkName(group)]));
}

export function parseVolumes(rows: Static<typeof LvRow>[]): LogicalVolume[] {
  const percent = (text: string) => (text === '' ? undefined : Number(text));
  return rows.map((r) => ({
    name: r.lv_name,
    bytes: Number(r.lv_size),
    pool: r.pool_lv,
    active: r.lv_active === 'active',
    dataPercent: percent(r.data_percent),
    metadataPercent: percent(r.metadata_percent),
    whenFull: r.lv_when_full === 'error' || r.lv_when_full === 'queue' ? r.lv_when_full : undefined,
  }));
}

/** Makes a volume group of one whole disk. `vgcreate` labels the disk in the same step. */
export async function createGroup(group: string, device: string): Promise<void> {
  await lvm(['vgcreate', '--yes', checkName(group), device]);
}

export async function activateGroup(group: string): Promise<void> {
  await lvm(['vgchange', '--activate', 'y', checkName(group)], { timeoutMs: 120_000 });
}

/** A thin pool on `percent` % of the group's free space. */
export async function createPool(group: string, pool: string, options: { percent: number; chunkKiB: number }) {
  const size = ['--extents', `${options.percent}%FREE`, '--chunksize', `${options.chunkKiB}k`];
  const how = ['--zero', 'y', '--discards', 'passdown', checkName(group)];
  await lvm(['lvcreate', '--yes', '--type', 'thin-pool', '--name', checkName(pool), ...size, ...how], {
    timeoutMs: 120_000,
  });
}

/** Writes to a full pool wait for room from now on (see also the module's `no_space_timeout`), instead of failing. */
export async function setQueueWhenFull(group: string, pool: string): Promise<void> {
  await lvm(['lvchange', '--errorwhenfull', 'n', lv(group, pool)]);
}

/** An empty thin volume of `bytes`, rounded up to the group's extents (4 MiB). Active, and in /dev when this resolves. */
export async function createThin(group: string, pool: string, name: string, bytes: number): Promise<void> {
  const size = ['--virtualsize', `${bytes}b`, '--thinpool', checkName(pool)];
  const what = ['--type', 'thin', '--name', checkName(name), '--wipesignatures', 'n'];
  await lvm(['lvcreate', '--yes', ...what, ...size, checkName(group)]);
}

/** A writable snapshot: a volume with the same content that shares every block until one of the two changes it. */
export async function snapshot(group: string, origin: string, name: string): Promise<void> {
  // -kn: thin snapshots are skipped at activation otherwise, and the desktop's disk would be gone after a restart.
  const options = ['--setactivationskip', 'n', '--permission', 'rw', '--activate', 'y'];
  await lvm(['lvcreate', '--yes', '--snapshot', ...options, '--name', checkName(name), lv(group, origin)]);
}

export async function rename(group: string, from: string, to: string): Promise<void> {
  await lvm(['lvrename', checkName(group), checkName(from), checkName(to)]);
}

export async function setActive(group: string, name: string, active: boolean): Promise<void> {
  await lvm(['lvchange', '--yes', '--activate', active ? 'y' : 'n', lv(group, name)]);
}

/** From now on, nobody can write to it. */
export async function setReadOnly(group: string, name: string): Promise<void> {
  await lvm(['lvchange', '--yes', '--permission', 'r', lv(group, name)]);
}

/** Deletes a volume. Nothing happens if there is none. */
export async function removeVolume(group: string, name: string): Promise<void> {
  const there = (await logicalVolumes(group)).some((v) => v.name === name);
  if (there) await lvm(['lvremove', '--yes', '--force', lv(group, name)], { timeoutMs: 120_000 });
}

/** Makes the metadata of a pool larger, from the group's free space. */
export async function growPoolMetadata(group: string, pool: string, bytes: number): Promise<void> {
  await lvm(['lvextend', '--poolmetadatasize', `+${bytes}b`, lv(group, pool)]);
}

/** The number that a thin volume has in its pool. */
export async function thinIdOf(group: string, name: string): Promise<number> {
  const [row] = await report('lv', ThinRow, ['lvs', ...REPORT_OPTIONS, '-o', 'thin_id', lv(group, name)]);
  if (!row?.thin_id) throw new UserError(`${lv(group, name)} is not a thin volume`);
  return Number(row.thin_id);
}

/** What the device mapper calls a part of a volume. In its names a hyphen of a name's own is doubled. */
export function mapperPath(group: string, part: string): string {
  return `/dev/mapper/${checkName(group).replaceAll('-', '--')}-${part}`;
}

/** The volume's device file. */
export function devicePath(group: string, name: string): string {
  return `/dev/${checkName(group)}/${checkName(name)}`;
}

async function report<T extends TSchema>(kind: string, row: T, argv: [string, ...string[]]): Promise<Static<T>[]> {
  const { stdout } = await lvm(argv);
  const value: unknown = JSON.parse(stdout);
  if (!Value.Check(Report(kind, row), value)) throw new UserError(`${argv[0]} answered something unexpected`);
  return (value as { report: Record<string, Static<T>[]>[] }).report.flatMap((part) => part[kind] ?? []);
}

/** LVM complains about every descriptor it inherits that it does not know; Node opens some. */
async function lvm(argv: [string, ...string[]], options: RunOptions = {}) {
  return await run(argv, { timeoutMs: 60_000, ...options, env: { LVM_SUPPRESS_FD_WARNINGS: '1' } });
}

function lv(group: string, name: string): string {
  return `${checkName(group)}/${checkName(name)}`;
}

/** What LVM allows (lvm(8), "Valid names"), less what could be taken for an option or a path. */
function checkName(name: string): string {
  if (!/^[a-z0-9][a-z0-9_-]{0,100}$/.test(name)) throw new UserError(`not a volume name: ${name}`);
  return name;
}
