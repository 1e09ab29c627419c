/**
 * DRBD as `common/drbd/` drives it, with the real kernel: both ends in one machine. docs/drbd.md has the cases. What
 * runs inside is `drbd/inside.ts`.
 */
import t from 'tap';
import { ensureImages, IMAGES } from './images.ts';
import { Lab } from './lab.ts';
import { bringProgram } from './program.ts';

const PREPARE = `set -e
systemctl stop flexdeploy-server
nft flush ruleset
modprobe drbd
modprobe brd rd_nr=1 rd_size=8192 max_part=0
ip address add 127.9.0.1/32 dev lo
ip address add 127.9.0.2/32 dev lo
vgcreate --yes lab /dev/disk/by-id/virtio-SOURCE
lvcreate --yes --size 8m --name meta lab
lvcreate --yes --type thin-pool --name pool --extents 95%FREE --chunksize 64k lab
lvcreate --yes --type thin --virtualsize 260m --thinpool pool --name disk lab
dmsetup create pc-disk --table "0 532480 linear /dev/disk/by-id/virtio-TARGET 0"`;

const CHAPTERS: readonly (readonly [scenario: string, sentence: string])[] = [
  ['first', 'a first sync sends only what is used, and both disks are the same'],
  ['baseline', 'a first sync to a disk that was made empty reads only what is used'],
  ['modes', 'protocol A to C with two primaries and back, ten times, while somebody writes'],
  ['returning', 'a PC that comes back with its metadata gets only what changed'],
  ['comparing', 'a PC that lost its metadata gets only what differs'],
  ['incomplete', 'a PC works with a disk that is not whole yet; the sync can be paused'],
  ['twoPrimariesCut', 'cut with two primaries, both wrote: the holder wins as soon as the other one is demoted'],
  ['twoPrimariesMeet', 'two primaries that meet again refuse each other, until one is demoted'],
  ['frozen', 'a PC that may not go on alone stands still, and goes on when the server is back'],
  ['givenUp', 'a PC that stands still can be given up: what waits fails, and the server goes on'],
];

t.setTimeout(0); // building images takes minutes
await ensureImages(['client', 'server-debug'], (line) => t.comment(line));
const lab = await Lab.open('drbd', { kernel: IMAGES.clientKernel(false) });
t.teardown(() => lab.close());
const machine = await lab.machine('both-ends', {
  memoryMiB: 1024,
  disks: [
    { serial: 'system', base: IMAGES.server(true) },
    { serial: 'SOURCE', sizeMiB: 1024 },
    { serial: 'TARGET', sizeMiB: 512 },
  ],
});

async function inside(commands: string): Promise<string> {
  const { code, output } = await machine.shell(commands, 10 * 60_000);
  if (code !== 0) throw new Error(`it ended with ${code}: ${output.slice(-1500)}`);
  return output;
}

t.test('a machine with both ends', { timeout: 0 }, async (t) => {
  await machine.start();
  await inside(PREPARE);
  await bringProgram({ machine, lab, entry: 'tests/lab/drbd/inside.ts', to: '/run/inside.mjs' });
  t.pass('is there');
});
for (const [scenario, sentence] of CHAPTERS) {
  t.test(sentence, { timeout: 0 }, async (t) => {
    const output = await inside(
      `/usr/lib/flexdeploy/node /run/inside.mjs ${scenario} 2>/run/why || { dmesg | tail -20; cat /run/why; exit 1; }`,
    );
    t.match(output, `passed ${scenario}`);
  });
}
