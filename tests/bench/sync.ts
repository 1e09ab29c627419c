/**
 * The first sync of a desktop's disk to a PC: 10 GiB of which 1 GiB is used. Three ways over the same loopback of one
 * machine, to the same disk: DRBD with our resource text, DRBD as drbdadm sets it up when nothing is said, and the
 * whole disk through a TCP connection (`dd | nc`). Both ends are in one kernel, since DRBD knows no network namespaces;
 * so processors and disks are shared, and the link is not what limits.
 */
import { ensureImages } from '../lab/images.ts';
import type { Machine } from '../lab/machine.ts';
import { bringProgram } from '../lab/program.ts';
import type { Bench } from './bench.ts';
import {
  adm,
  attachEnds,
  beginning,
  compare,
  inside,
  type Measured,
  measuredIn,
  pieceOf,
  put,
  thinDisk,
  timed,
  untilSame,
  withServer,
} from './both-ends.ts';
import { median } from './figure.ts';
import { DISK_GIB, ENDS, GROUP, SPARE_MIB } from './sync/layout.ts';

/** Used in pieces of 64 MiB, spread evenly: a file system that has seen some use. */
const PIECES = 16;
const PIECE_MIB = 64;
const OURS = '/run/ours.mjs';

const PREPARE = `${beginning({ ramKiB: 8192 })}
${thinDisk(GROUP, { sizeMiB: DISK_GIB * 1024 + SPARE_MIB })}
${pieceOf('/dev/disk/by-id/virtio-TARGET', { name: 'pc-disk', sizeMiB: DISK_GIB * 1024 + SPARE_MIB })}
for i in $(seq 0 ${PIECES - 1}); do
  dd if=/dev/urandom of=/dev/bench/disk bs=1M count=${PIECE_MIB} seek=$((i * ${(DISK_GIB * 1024) / PIECES})) oflag=direct conv=notrunc status=none
done`;

/** Writes what comes over TCP to a device, until the other side closes: the receiving half of `dd | nc`. */
const RECEIVER = `import{createServer}from'node:net';import{createWriteStream}from'node:fs';
createServer((s)=>{s.pipe(createWriteStream('${ENDS.pc.disk}',{flags:'r+'})).on('close',()=>process.exit(0))}).listen(21002,'${ENDS.pc.address}')`;

type Way = 'ours' | 'used' | 'whole' | 'defaults';

/** What ours is measured beside, and by what. The slowest way is the last. */
const FIGURES: Readonly<Record<string, { help: string; peer: Way; unit: 'MB' | 's'; aim: string; most: number }>> = {
  'sync-time': {
    help: 'time of a first sync (10 GiB, 1 GiB used) beside a raw TCP stream of the used bytes alone',
    ...{ peer: 'used', unit: 's', aim: '1.1 times', most: 1.1 },
  },
  'sync-bytes-dd': {
    help: 'its bytes on the wire beside dd | nc',
    ...{ peer: 'whole', unit: 'MB', aim: '0.15 of it', most: 0.15 },
  },
  'sync-bytes': {
    help: 'the same beside drbdadm with defaults',
    ...{ peer: 'defaults', unit: 'MB', aim: '0.15 of it', most: 0.15 },
  },
  'sync-time-default': {
    help: 'its time beside drbdadm with defaults',
    ...{ peer: 'defaults', unit: 's', aim: 'less', most: 1 },
  },
};

export const sync: Bench = {
  figures: Object.fromEntries(Object.entries(FIGURES).map(([name, { help }]) => [name, help])),
  runs: 1,
  run: async ({ wanted, runs, say, report }) => {
    await ensureImages(['client', 'server-debug'], say);
    const disks = ['SOURCE', 'TARGET'].map((serial) => ({ serial, sizeMiB: (DISK_GIB + 2) * 1024 }));
    await withServer('bench-sync', { memoryMiB: 2048, disks }, async (machine, lab) => {
      say('preparing the disks');
      await inside(machine, PREPARE);
      await bringProgram({ machine, lab, entry: 'tests/bench/sync/ours.ts', to: OURS });
      const of = measuring(machine, { runs, say });
      for (const [name, { peer: way, unit, aim, most }] of Object.entries(FIGURES)) {
        if (!wanted.has(name)) continue;
        const one = async (way: Way) => (unit === 's' ? (await of(way)).seconds : (await of(way)).bytes / 1e6);
        const [peer, ours] = [await one(way), await one('ours')];
        await report({ name, ours, peer, unit, aim, met: ours <= most * peer });
      }
    });
  },
};

/** Each way is measured when it is first asked for, and only then. */
function measuring(machine: Machine, options: { runs: number; say: (line: string) => void }) {
  const ways: Record<Way, () => Promise<Measured>> = {
    ours: () => oursSync(machine),
    defaults: () => plainSync(machine),
    whole: () => stream(machine, `dd if=${ENDS.server.disk} bs=1M iflag=direct status=none`),
    used: () => stream(machine, usedPieces()),
  };
  const known = new Map<Way, Measured>();
  return async (way: Way): Promise<Measured> => {
    const before = known.get(way);
    if (before) return before;
    const all: Measured[] = [];
    for (let run = 1; run <= options.runs; run++) {
      const one = await ways[way]();
      all.push(one);
      options.say(`${way} ${run} of ${options.runs}: ${one.seconds.toFixed(1)} s, ${(one.bytes / 1e6).toFixed(0)} MB`);
    }
    const middle = { seconds: median(all.map((m) => m.seconds)), bytes: median(all.map((m) => m.bytes)) };
    known.set(way, middle);
    return middle;
  };
}

/** What runs inside is `sync/ours.ts`. */
async function oursSync(machine: Machine): Promise<Measured> {
  const measured = measuredIn(await inside(machine, `/usr/lib/flexdeploy/node ${OURS}`));
  await compare(machine, ENDS); // a sync that was quick and wrong is none
  return measured;
}

/** From the moment when both ends may connect until both say that they are up to date. */
async function plainSync(machine: Machine): Promise<Measured> {
  await attachEnds(machine, ENDS, plainText);
  await inside(machine, `${adm('server')} primary --force server`);
  const measured = await timed(
    machine,
    `${adm('pc')} connect pc; ${adm('server')} connect server
${untilSame('server')}`,
  );
  await inside(machine, `${adm('server')} secondary server; ${adm('pc')} down pc; ${adm('server')} down server`);
  await compare(machine, ENDS);
  return measured;
}

function plainText(name: string): string {
  const end = (node: keyof typeof ENDS) => {
    const { address, port, minor, disk, meta } = ENDS[node];
    const device = `device /dev/drbd${minor} minor ${minor}; disk ${disk}; flexible-meta-disk ${meta};`;
    return `on ${node} { address ipv4 ${address}:${port}; ${device} }`;
  };
  return `resource ${name} { net { protocol C; } ${end('server')} ${end('pc')} }\n`;
}

function usedPieces(): string {
  const step = (DISK_GIB * 1024) / PIECES;
  const piece = `dd if=${ENDS.server.disk} bs=1M iflag=direct count=${PIECE_MIB} skip=$((i * ${step})) status=none`;
  return `for i in $(seq 0 ${PIECES - 1}); do ${piece}; done`;
}

/** One TCP connection from `source`'s output to the PC's disk, until the last byte is on the disk. */
async function stream(machine: Machine, source: string): Promise<Measured> {
  await put(machine, '/run/receive.mjs', RECEIVER);
  return await timed(
    machine,
    `/usr/lib/flexdeploy/node /run/receive.mjs & sleep 2
(${source}) > /dev/tcp/${ENDS.pc.address}/21002; wait; sync ${ENDS.pc.disk}`,
    2,
  );
}
