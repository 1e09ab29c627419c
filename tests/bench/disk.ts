/**
 * What DRBD costs a desktop that runs on the PC: its disk is the PC's own, every write also goes to the server (protocol
 * A, our resource text), and both are connected. Beside it: another piece of the same disk without DRBD.
 *
 * Both ends are in one kernel. The server's disk is memory here, since in reality it is another machine's; what the
 * server's half of DRBD and of TCP computes still is on our side of the scale. The PC's metadata is memory as on a PC.
 * A flush of the PC's disk waits for the disk of the machine that the bench runs on.
 */
import { ensureImages } from '../lab/images.ts';
import type { Machine } from '../lab/machine.ts';
import type { Bench } from './bench.ts';
import {
  ADDRESSES,
  adm,
  attachEnds,
  beginning,
  compare,
  inside,
  ourText,
  pieceOf,
  put,
  timed,
  untilSame,
  withServer,
} from './both-ends.ts';
import { type Figure, median } from './figure.ts';

const DISK_MIB = 512;
const META_MIB = 8;
/** Random data, written again and again: from memory, so that only writing counts. */
const DATA_MIB = 64;
/** Writes of 4 KiB in one measurement of latency. */
const FSYNCS = 1000;
const THROUGHPUT_AIM = 0.9;
const FSYNC_AIM = 1.2;

const mapped = (name: string) => `/dev/mapper/${name}`;
const ENDS = {
  server: {
    address: ADDRESSES.server,
    port: 21001,
    minor: 101,
    disk: mapped('server-disk'),
    meta: mapped('server-meta'),
  },
  pc: { address: ADDRESSES.pc, port: 21001, minor: 102, disk: mapped('pc-disk'), meta: mapped('pc-meta') },
} as const;
/** Where the desktop's disk is, with and without DRBD. */
const DEVICES = { ours: `/dev/drbd${ENDS.pc.minor}`, bare: mapped('bare-disk') } as const;
type Side = keyof typeof DEVICES;
const SIDES: readonly Side[] = ['ours', 'bare'];

const PC_DISK = '/dev/disk/by-id/virtio-TARGET';
const PREPARE = `${beginning({ ramKiB: (2 * META_MIB + DISK_MIB) * 1024 })}
${pieceOf('/dev/ram0', { name: 'pc-meta', sizeMiB: META_MIB })}
${pieceOf('/dev/ram0', { name: 'server-meta', sizeMiB: META_MIB, atMiB: META_MIB })}
${pieceOf('/dev/ram0', { name: 'server-disk', sizeMiB: DISK_MIB, atMiB: 2 * META_MIB })}
${pieceOf(PC_DISK, { name: 'pc-disk', sizeMiB: DISK_MIB })}
${pieceOf(PC_DISK, { name: 'bare-disk', sizeMiB: DISK_MIB, atMiB: DISK_MIB })}
dd if=/dev/urandom of=/run/data bs=1M count=${DATA_MIB} status=none`;

/** Every block in turn, far from the one before; each one is on the disk before the next. Microseconds, the middle one. */
const FSYNC_PROGRAM = `import{fdatasyncSync,openSync,writeSync}from'node:fs';import{randomBytes}from'node:crypto';
const device=openSync(process.argv[2],'r+'),block=randomBytes(4096),took=[];
for(let i=0;i<${FSYNCS};i++){
const at=(i*7919%${DISK_MIB * 256})*4096,start=process.hrtime.bigint();
writeSync(device,block,0,4096,at);fdatasyncSync(device);
took.push(Number(process.hrtime.bigint()-start)/1e3);}
console.log('latency '+took.sort((a,b)=>a-b)[${FSYNCS / 2}]);`;

type Say = (line: string) => void;

export const disk: Bench = {
  figures: {
    'disk-throughput': 'writing a disk on the PC that is kept on the server too, beside one that is not',
    'disk-fsync': 'writing 4 KiB there until they are safe on the PC',
  },
  runs: 5,
  run: async ({ wanted, runs, say, report }) => {
    await ensureImages(['client', 'server-debug'], say);
    const disks = [{ serial: 'TARGET', sizeMiB: 2 * DISK_MIB, flushes: true }] as const;
    await withServer('bench-disk', { memoryMiB: 2048 + DISK_MIB, disks }, async (machine) => {
      say('preparing the disks');
      await prepare(machine);
      const figures: Figure[] = [];
      if (wanted.has('disk-throughput')) figures.push(await throughput(machine, runs, say));
      if (wanted.has('disk-fsync')) figures.push(await fsyncLatency(machine, runs, say));
      await compare(machine, ENDS); // a copy that was left behind costs nothing, and is none
      await report(...figures);
    });
  },
};

/** Both disks written once, so that no side pays for the first write; the PC holds the desktop; both ends connected. */
async function prepare(machine: Machine): Promise<void> {
  await inside(machine, PREPARE);
  await put(machine, '/run/fsync.mjs', FSYNC_PROGRAM);
  for (const device of [ENDS.pc.disk, DEVICES.bare]) await inside(machine, fill(device));
  await attachEnds(machine, ENDS, (name) => ourText(name, ENDS, DISK_MIB * 1024 ** 2));
  await inside(
    machine,
    `set -e
${adm('pc')} primary --force pc
${adm('pc')} connect pc
${adm('server')} connect server`,
  );
  await settle(machine);
}

/** Writes the whole device from its first block to its last, until all is on the disk. */
function fill(device: string): string {
  const piece = `dd if=/run/data of=${device} bs=1M seek=$((i * ${DATA_MIB})) oflag=direct conv=notrunc status=none`;
  return `for i in $(seq 0 ${DISK_MIB / DATA_MIB - 1}); do ${piece} || exit; done
sync ${device}`;
}

/** Nothing is under way any more: no copy that pulled ahead and is catching up, no udev that looks what was written. */
async function settle(machine: Machine): Promise<void> {
  await inside(
    machine,
    `${untilSame('pc')}
until [ "$(${adm('pc')} cstate pc)" = Connected ]; do sleep 0.2; done
udevadm settle --timeout=60; sleep 1`,
  );
}

async function throughput(machine: Machine, runs: number, say: Say): Promise<Figure> {
  const { ours, bare } = await inTurns(machine, runs, async (side, run) => {
    const { seconds, bytes } = await timed(machine, fill(DEVICES[side]));
    const speed = (DISK_MIB * 1024 ** 2) / 1e6 / seconds;
    const wire = `${(bytes / 1e6).toFixed(0)} MB on the wire meanwhile`;
    say(`disk-throughput ${run} of ${runs}, ${side}: ${speed.toFixed(1)} MB/s, ${wire}`);
    return speed;
  });
  const [aim, met] = [`at least ${THROUGHPUT_AIM} of it`, ours >= THROUGHPUT_AIM * bare];
  return { name: 'disk-throughput', ours, peer: bare, unit: 'MB/s', aim, met };
}

async function fsyncLatency(machine: Machine, runs: number, say: Say): Promise<Figure> {
  const { ours, bare } = await inTurns(machine, runs, async (side, run) => {
    const output = await inside(machine, `/usr/lib/flexdeploy/node /run/fsync.mjs ${DEVICES[side]}`);
    const [, microseconds] = output.match(/latency ([\d.]+)/) ?? [];
    say(`disk-fsync ${run} of ${runs}, ${side}: ${microseconds} µs`);
    return Number(microseconds);
  });
  return { name: 'disk-fsync', ours, peer: bare, unit: 'µs', aim: `${FSYNC_AIM} times`, met: ours <= FSYNC_AIM * bare };
}

/** Measures one side after the other, each time with the copy caught up. @returns the median of each */
async function inTurns(
  machine: Machine,
  runs: number,
  measure: (side: Side, run: number) => Promise<number>,
): Promise<Record<Side, number>> {
  const all: Record<Side, number[]> = { ours: [], bare: [] };
  for (let run = 1; run <= runs; run++) {
    for (const side of SIDES) {
      await settle(machine);
      all[side].push(await measure(side, run));
    }
  }
  await settle(machine);
  return { ours: median(all.ours), bare: median(all.bare) };
}
