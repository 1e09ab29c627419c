/**
 * A move of a desktop that runs and writes. Ours has its disk in two places (DRBD, two primaries, protocol C) and is moved
 * by the product's own code; the peer's disk is a raw file that both places share, and QEMU moves it as it is by itself.
 * Both places are in one machine, where desktops run under KVM: no side waits for a link. What runs inside is `move/`.
 */
import { ensureImages, IMAGES } from '../lab/images.ts';
import type { Machine } from '../lab/machine.ts';
import { bringProgram } from '../lab/program.ts';
import type { Bench } from './bench.ts';
import { beginning, inside, pieceOf, thinDisk, withServer } from './both-ends.ts';
import { type Figure, median } from './figure.ts';
import type { Moved } from './move/side.ts';

/** Of the probe image (builder/profiles/probe.ts). */
const DISK_MIB = 1024;
/** That both devices of ours are longer: see diskSize in common/drbd/resource.ts. */
const SPARE_MIB = 4;
const AIM = 1.2;
const PROGRAM = '/run/move.mjs';

const DISKS = [
  { serial: 'SOURCE', sizeMiB: 2 * DISK_MIB },
  { serial: 'TARGET', sizeMiB: DISK_MIB + SPARE_MIB },
  { serial: 'PLAIN', sizeMiB: 2 * DISK_MIB },
  { serial: 'PROBE', base: IMAGES.probe },
];

/** Names and addresses are those of tests/lab/drbd/ends.ts, the lab's address is the one that the probe knows. */
const PREPARE = `${beginning({ ramKiB: 8192 })}
ip address add 192.168.77.2/32 dev lo
${thinDisk('lab', { sizeMiB: DISK_MIB + SPARE_MIB })}
${pieceOf('/dev/disk/by-id/virtio-TARGET', { name: 'pc-disk', sizeMiB: DISK_MIB + SPARE_MIB })}
dd if=/dev/disk/by-id/virtio-PROBE of=/dev/lab/disk bs=64k conv=sparse,notrunc,fsync status=none
mkfs.ext4 -q /dev/disk/by-id/virtio-PLAIN
mkdir -p /srv/bench
mount /dev/disk/by-id/virtio-PLAIN /srv/bench
dd if=/dev/disk/by-id/virtio-PROBE of=/srv/bench/disk.raw bs=1M conv=fsync status=none
chown flexdeploy-qemu: /srv/bench/disk.raw`;

const SIDES = ['ours', 'plain'] as const;
type Side = (typeof SIDES)[number];

export const move: Bench = {
  figures: {
    'move-downtime': 'how long a desktop stands still in a move, beside QEMU with a shared disk',
    'move-time': 'from the order to move it until it runs on the other side',
    'move-pause': 'longest time between two records of its writer meanwhile, by its own clock',
  },
  runs: 3,
  run: async ({ wanted, runs, say, report }) => {
    await ensureImages(['client', 'server-debug', 'probe'], say);
    await withServer('bench-move', { memoryMiB: 2560, disks: DISKS }, async (machine, lab) => {
      say('preparing the disks');
      await inside(machine, PREPARE);
      await bringProgram({ machine, lab, entry: 'tests/bench/move/inside.ts', to: PROGRAM });
      await work(machine, 'prepare');
      const figures = await measure(machine, runs, say);
      await report(...figures.filter((figure) => wanted.has(figure.name)));
    });
  },
};

async function measure(machine: Machine, runs: number, say: (line: string) => void): Promise<Figure[]> {
  const all: Record<Side, Moved[]> = { ours: [], plain: [] };
  for (let run = 1; run <= runs; run++) {
    for (const side of SIDES) {
      const moves = await work(machine, side);
      all[side].push(...moves);
      const words = moves.map((m) => `${m.downtime} ms of ${(m.total / 1000).toFixed(1)} s (pause ${m.pause} ms)`);
      say(`move ${run} of ${runs}, ${side}: stood still ${words.join(', and back ')}`);
    }
  }
  const figure = (name: string, unit: string, of: (moved: Moved) => number): Figure => {
    const [ours, peer] = [median(all.ours.map(of)), median(all.plain.map(of))];
    return { name, ours, peer, unit, aim: `${AIM} times`, met: ours <= AIM * peer };
  };
  return [
    figure('move-downtime', 'ms', ({ downtime }) => downtime),
    figure('move-time', 's', ({ total }) => total / 1000),
    figure('move-pause', 'ms', ({ pause }) => pause),
  ];
}

/** One part of `move/inside.ts`, and the moves that it measured. */
async function work(machine: Machine, what: Side | 'prepare'): Promise<Moved[]> {
  const output = await inside(machine, `/usr/lib/flexdeploy/node ${PROGRAM} ${what} || { dmesg | tail -20; exit 1; }`);
  const [, moves] = output.match(/^moved (.*)$/m) ?? [];
  if (moves === undefined) throw new Error(`no moves in: ${output.slice(-500)}`);
  return JSON.parse(moves) as Moved[];
}
