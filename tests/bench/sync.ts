/**
 * The first sync of a desktop's disk to a PC: 10 GiB of which 1 GiB is used. Three ways over the same loopback of one
 * machine, to the same disk: DRBD with our resource text, DRBD as drbdadm sets it up when nothing is said, and the
 * whole disk through a TCP connection (`dd | nc`). Both ends are in one kernel, since DRBD knows no network namespaces;
 * so processors and disks are shared, and the link is not what limits.
 */
import { renderResource } from '#common/drbd/resource.ts';
import { ensureImages, IMAGES } from '../lab/images.ts';
import { Lab } from '../lab/lab.ts';
import type { Machine } from '../lab/machine.ts';
import type { Bench } from './bench.ts';
import { type Figure, median } from './figure.ts';

const GIB = 1024 ** 3;
const DISK_GIB = 10;
/** Used in pieces of 64 MiB, spread evenly: a file system that has seen some use. */
const PIECES = 16;
const PIECE_MIB = 64;
const LONG = 30 * 60_000;
const ENDS = {
  server: { address: '127.9.0.1', port: 21001, minor: 101, disk: '/dev/bench/disk', meta: '/dev/bench/meta' },
  pc: { address: '127.9.0.2', port: 21001, minor: 102, disk: '/dev/mapper/pc-disk', meta: '/dev/ram0' },
} as const;

interface Measured {
  seconds: number;
  /** Bytes that the loopback carried, with all headers. */
  bytes: number;
}

const PREPARE = `set -e
systemctl stop flexdeploy-server
nft flush ruleset
modprobe drbd
modprobe brd rd_nr=1 rd_size=8192 max_part=0
ip address add ${ENDS.server.address}/32 dev lo
ip address add ${ENDS.pc.address}/32 dev lo
vgcreate --yes bench /dev/disk/by-id/virtio-SOURCE
lvcreate --yes --size 16m --name meta bench
lvcreate --yes --type thin-pool --name pool --extents 95%FREE --chunksize 64k bench
lvcreate --yes --type thin --virtualsize ${DISK_GIB}g --thinpool pool --name disk bench
dmsetup create pc-disk --table "0 ${(DISK_GIB * GIB) / 512} linear /dev/disk/by-id/virtio-TARGET 0"
for i in $(seq 0 ${PIECES - 1}); do
  dd if=/dev/urandom of=/dev/bench/disk bs=1M count=${PIECE_MIB} seek=$((i * ${(DISK_GIB * 1024) / PIECES})) oflag=direct conv=notrunc status=none
done`;

/** Writes what comes over TCP to a device, until the other side closes: the receiving half of `dd | nc`. */
const RECEIVER = `import{createServer}from'node:net';import{createWriteStream}from'node:fs';
createServer((s)=>{s.pipe(createWriteStream('${ENDS.pc.disk}',{flags:'r+'})).on('close',()=>process.exit(0))}).listen(21002,'${ENDS.pc.address}')`;

export const sync: Bench = {
  figures: {
    'sync-bytes': 'bytes on the wire for a first sync (10 GiB, 1 GiB used) beside drbdadm with defaults',
    'sync-bytes-dd': 'the same beside dd | nc',
    'sync-time': 'its time beside a raw TCP stream of the used bytes alone',
    'sync-time-default': 'its time beside drbdadm with defaults',
  },
  runs: 1,
  run: async ({ wanted, runs, say, report }) => {
    await ensureImages(['client', 'server-debug'], say);
    const lab = await Lab.open('bench-sync', { kernel: IMAGES.clientKernel(false) });
    try {
      const machine = await lab.machine('both-ends', {
        memoryMiB: 2048,
        disks: [
          { serial: 'system', base: IMAGES.server(true) },
          { serial: 'SOURCE', sizeMiB: (DISK_GIB + 2) * 1024 },
          { serial: 'TARGET', sizeMiB: (DISK_GIB + 2) * 1024 },
        ],
      });
      await machine.start();
      say('preparing the disks');
      await inside(machine, PREPARE);
      const figures = await measure(machine, { runs, say });
      await report(...figures.filter((figure) => wanted.has(figure.name)));
    } finally {
      await lab.close();
    }
  },
};

async function measure(machine: Machine, options: { runs: number; say: (line: string) => void }): Promise<Figure[]> {
  const ways = {
    ours: () => drbdSync(machine, (name) => ourText(name)),
    defaults: () => drbdSync(machine, (name) => plainText(name)),
    whole: () => stream(machine, `dd if=${ENDS.server.disk} bs=1M iflag=direct status=none`),
    used: () => stream(machine, usedPieces()),
  };
  const of = async (way: keyof typeof ways): Promise<Measured> => {
    const all: Measured[] = [];
    for (let run = 1; run <= options.runs; run++) {
      const one = await ways[way]();
      all.push(one);
      options.say(`${way} ${run} of ${options.runs}: ${one.seconds.toFixed(1)} s, ${(one.bytes / 1e6).toFixed(0)} MB`);
    }
    return { seconds: median(all.map((m) => m.seconds)), bytes: median(all.map((m) => m.bytes)) };
  };
  const [used, ours, defaults, whole] = [await of('used'), await of('ours'), await of('defaults'), await of('whole')];
  const bytes = (name: string, peer: Measured): Figure => ({
    ...{ name, ours: ours.bytes / 1e6, peer: peer.bytes / 1e6, unit: 'MB' },
    ...{ aim: '0.15 of it', met: ours.bytes <= 0.15 * peer.bytes },
  });
  const time = (name: string, peer: Measured, most: number): Figure => ({
    ...{ name, ours: ours.seconds, peer: peer.seconds, unit: 's' },
    ...{ aim: most === 1 ? 'less' : `${most} times`, met: ours.seconds <= most * peer.seconds },
  });
  return [
    bytes('sync-bytes', defaults),
    bytes('sync-bytes-dd', whole),
    time('sync-time', used, 1.1),
    time('sync-time-default', defaults, 1),
  ];
}

/** From the moment when both ends may connect until both say that they are up to date. */
async function drbdSync(machine: Machine, text: (name: string) => string): Promise<Measured> {
  for (const node of ['server', 'pc']) await put(machine, `/run/${node}.res`, text(node));
  const adm = (node: string) => `__DRBD_NODE__=${node} drbdadm -c /run/${node}.res`;
  await inside(
    machine,
    `set -e
for n in server pc; do __DRBD_NODE__=$n drbdadm -c /run/$n.res down $n; done >/dev/null 2>&1 || true
${drbdmeta('server')}
${drbdmeta('pc')}
for n in server pc; do
  export __DRBD_NODE__=$n
  for step in new-resource new-minor attach; do drbdadm -c /run/$n.res $step $n; done
done
${adm('server')} primary --force server`,
  );
  const measured = await timed(
    machine,
    `${adm('pc')} connect pc; ${adm('server')} connect server
until ${adm('server')} dstate server 2>/dev/null | grep -q UpToDate/UpToDate; do sleep 0.2; done`,
  );
  await inside(machine, `${adm('server')} secondary server; ${adm('pc')} down pc; ${adm('server')} down server`);
  await compare(machine);
  return measured;
}

function drbdmeta(node: keyof typeof ENDS): string {
  const { minor, meta } = ENDS[node];
  return `drbdmeta --force ${minor} v08 ${meta} flex-external create-md --peer-max-bio-size=1048576 >/dev/null`;
}

/** Two resources of one kernel need two names; the text is otherwise what server and PC get. */
function ourText(name: string): string {
  const what = { protocol: 'A', twoPrimaries: false, secret: 'measured-in-the-lab', ...ENDS } as const;
  return renderResource({ name, ...what, discardGranularityBytes: 65_536 });
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

/** Runs commands inside and measures there. @param idleSeconds of it that are only waiting for the other side to start */
async function timed(machine: Machine, commands: string, idleSeconds = 0): Promise<Measured> {
  const wire = 'cat /sys/class/net/lo/statistics/tx_bytes';
  const output = await inside(
    machine,
    `b=$(${wire}); s=$(date +%s%N)
${commands}
echo "measured $(($(date +%s%N) - s)) $(($(${wire}) - b))"`,
  );
  const [, nanoseconds, bytes] = output.match(/measured (\d+) (\d+)/) ?? [];
  return { seconds: Number(nanoseconds) / 1e9 - idleSeconds, bytes: Number(bytes) };
}

/** A sync that was quick and wrong is none. */
async function compare(machine: Machine): Promise<void> {
  await inside(
    machine,
    `cmp <(dd if=${ENDS.server.disk} bs=1M iflag=direct) <(dd if=${ENDS.pc.disk} bs=1M iflag=direct)`,
  );
}

async function put(machine: Machine, path: string, text: string): Promise<void> {
  await inside(machine, `base64 -d > ${path} <<< ${Buffer.from(text).toString('base64')}`);
}

async function inside(machine: Machine, commands: string): Promise<string> {
  const { code, output } = await machine.shell(commands, LONG);
  if (code !== 0) throw await machine.failure(`did not do its part of the measurement: ${output.slice(-800)}`);
  return output;
}
