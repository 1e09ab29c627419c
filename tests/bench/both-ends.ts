/**
 * What the benchmarks of disks share: a machine with our server's system and both ends of DRBD in its one kernel, since
 * DRBD knows no network namespaces. Two resources of one kernel need two names; otherwise all is that of the product.
 */
import { type DrbdEnd, renderResource } from '#common/drbd/resource.ts';
import { beforeDesktops } from '../lab/accelerator.ts';
import type { Disk } from '../lab/command-line.ts';
import { IMAGES } from '../lab/images.ts';
import { Lab } from '../lab/lab.ts';
import type { Machine } from '../lab/machine.ts';

/** Milliseconds. The first sync with DRBD's own defaults is throttled, and takes half an hour where all is emulated. */
const LONG = 90 * 60_000;
const MIB = 1024 ** 2;
/** Bytes: what one sector is to the device mapper. */
const SECTOR = 512;

/** Loopback addresses that {@link beginning} makes. */
export const ADDRESSES = { server: '127.9.0.1', pc: '127.9.0.2' } as const;

export type Ends = Readonly<Record<'server' | 'pc', DrbdEnd>>;

export interface Measured {
  seconds: number;
  /** Bytes that the loopback carried, with all headers. */
  bytes: number;
}

/** A machine with our server's system (debug image) and these disks besides, for as long as `work` takes. */
export async function withServer(
  name: string,
  options: { memoryMiB: number; disks: readonly Disk[] },
  work: (machine: Machine, lab: Lab) => Promise<void>,
): Promise<void> {
  const lab = await Lab.open(name, { kernel: IMAGES.clientKernel(false) });
  try {
    const system = { serial: 'system', base: IMAGES.server(true) };
    const machine = await lab.machine('both-ends', { ...options, disks: [system, ...options.disks] });
    await machine.start();
    if (lab.accelerator === 'tcg') await inside(machine, await forEmulation());
    await work(machine, lab);
  } finally {
    await lab.close();
  }
}

/** Commands for a machine whose every instruction is translated: as for the lab's server (tests/lab/deployment.ts). */
async function forEmulation(): Promise<string> {
  const noHugePages = 'echo never > /sys/kernel/mm/transparent_hugepage/enabled';
  return ['set -e', 'systemctl stop flexdeploy-server', noHugePages, ...(await beforeDesktops())].join('\n');
}

/** Commands, the first ones: our server out of the way, a clock that does not jump, DRBD, a RAM disk, two addresses. */
export function beginning({ ramKiB }: { ramKiB: number }): string {
  return `set -e
systemctl stop flexdeploy-server systemd-timesyncd
nft flush ruleset
modprobe drbd
modprobe brd rd_nr=1 rd_size=${ramKiB} max_part=0
ip address add ${ADDRESSES.server}/32 dev lo
ip address add ${ADDRESSES.pc}/32 dev lo`;
}

/** Commands that make the volumes `disk` (thin, as on our server) and `meta` on the disk SOURCE. */
export function thinDisk(group: string, { sizeMiB }: { sizeMiB: number }): string {
  return `vgcreate --yes ${group} /dev/disk/by-id/virtio-SOURCE
lvcreate --yes --size 16m --name meta ${group}
lvcreate --yes --type thin-pool --name pool --extents 95%FREE --chunksize 64k ${group}
lvcreate --yes --type thin --virtualsize ${sizeMiB}m --thinpool pool --name disk ${group}`;
}

/** A command that makes /dev/mapper/NAME of a piece of another device, as a PC does with its disk. */
export function pieceOf(device: string, piece: { name: string; sizeMiB: number; atMiB?: number }): string {
  const sectors = (mib: number) => (mib * MIB) / SECTOR;
  const table = `0 ${sectors(piece.sizeMiB)} linear ${device} ${sectors(piece.atMiB ?? 0)}`;
  return `dmsetup create ${piece.name} --table "${table}"`;
}

/** Our text for one of both ends. */
export function ourText(name: string, ends: Ends, diskBytes: number): string {
  const usual = { protocol: 'A', twoPrimaries: false, secret: 'measured-in-the-lab' } as const;
  return renderResource({ name, ...usual, ...ends, diskBytes, discardGranularityBytes: 65_536 });
}

/** drbdadm for one end's text, to be followed by a command and the end's name. */
export function adm(end: string): string {
  return `__DRBD_NODE__=${end} drbdadm -c /run/${end}.res`;
}

/** A command that ends when both disks are the same, as that end sees it. */
export function untilSame(end: keyof Ends): string {
  return `until ${adm(end)} dstate ${end} 2>/dev/null | grep -q UpToDate/UpToDate; do sleep 0.2; done`;
}

/** Both ends anew, with metadata that knows nothing: attached, secondary, and not yet connected. */
export async function attachEnds(machine: Machine, ends: Ends, text: (name: string) => string): Promise<void> {
  for (const end of ['server', 'pc']) await put(machine, `/run/${end}.res`, text(end));
  const metadata = ({ minor, meta }: DrbdEnd) =>
    `drbdmeta --force ${minor} v08 ${meta} flex-external create-md --peer-max-bio-size=1048576 >/dev/null`;
  await inside(
    machine,
    `set -e
for n in server pc; do ${adm('$n')} down $n; done >/dev/null 2>&1 || true
${metadata(ends.server)}
${metadata(ends.pc)}
for n in server pc; do
  for step in new-resource new-minor attach; do ${adm('$n')} $step $n; done
done`,
  );
}

/** What was quick and wrong was not quick: fails unless both disks hold the same. */
export async function compare(machine: Machine, { server, pc }: Ends): Promise<void> {
  await inside(machine, `cmp <(dd if=${server.disk} bs=1M iflag=direct) <(dd if=${pc.disk} bs=1M iflag=direct)`);
}

/** Runs commands inside and measures there. @param idleSeconds of it that are only waiting for the other side to start */
export async function timed(machine: Machine, commands: string, idleSeconds = 0): Promise<Measured> {
  const wire = 'cat /sys/class/net/lo/statistics/tx_bytes';
  const output = await inside(
    machine,
    `b=$(${wire}); s=$(date +%s%N)
${commands}
echo "measured $(($(date +%s%N) - s)) $(($(${wire}) - b))"`,
  );
  const { seconds, bytes } = measuredIn(output);
  return { seconds: seconds - idleSeconds, bytes };
}

/** `measured NANOSECONDS BYTES` in what was written inside. */
export function measuredIn(output: string): Measured {
  const [, nanoseconds, bytes] = output.match(/measured (\d+) (\d+)/) ?? [];
  return { seconds: Number(nanoseconds) / 1e9, bytes: Number(bytes) };
}

export async function put(machine: Machine, path: string, text: string): Promise<void> {
  await inside(machine, `base64 -d > ${path} <<< ${Buffer.from(text).toString('base64')}`);
}

/** Commands as root inside. @returns what they write. @throws with their last words unless they end well */
export async function inside(machine: Machine, commands: string): Promise<string> {
  const { code, output } = await machine.shell(commands, LONG);
  if (code !== 0) throw await machine.failure(`did not do its part of the measurement: ${output.slice(-800)}`);
  return output;
}
