/** Whatever happens to the names and places of a PC's disks: nothing is ever written to another than the chosen one. */
import { build } from 'esbuild';
import t, { type Test } from 'tap';
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import type { DiskChoice } from '../../client-runtime/kiosk/protocol.ts';
import type { Disk } from './command-line.ts';
import { labTest } from './harness.ts';
import { IMAGES } from './images.ts';
import type { Machine } from './machine.ts';

const MIB = 1024 * 1024;
const BYTES = 32 * MIB;
const PROGRAM = '/run/guard-program.mjs';
/** Bytes of base64 that go over the console in one command. */
const PIECE = 48 * 1024;

const { deployment, chapter } = await labTest(t, 'disk-guard', { images: ['client-debug'], memoryGiB: 2 });

const plain = (serial: string): Disk => ({ serial, sizeMiB: 64, bus: 'sata' });
/** In the order of the PC's sockets, which the machine looks at each time it is switched on. */
const disks: Disk[] = [
  plain('RIGHT-7001'),
  plain('WRONG-7002'),
  plain('WRONG-7003'),
  { serial: 'stick', base: IMAGES.clientIso(true), bus: 'usb' },
];

let pc: Machine;
let right: DiskIdentity;

interface Answer {
  disks?: DiskChoice[];
  opened?: string;
  refused?: string;
  expected?: boolean;
}

async function guard(task: { do: 'list' | 'write'; disk?: DiskIdentity; confirmed?: boolean }, bytes = BYTES) {
  const words = JSON.stringify({ ...task, bytes }).replaceAll("'", '');
  const { output } = await pc.shell(`/usr/lib/flexdeploy/node ${PROGRAM} '${words}'`, 120_000);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Answer;
}

async function root(command: string): Promise<string> {
  const { code, output } = await pc.shell(command, 120_000);
  if (code !== 0) throw new Error(`${command}: ${output}`);
  return output.trim();
}

/** A checksum of every disk by its serial number; of the right one only of what is behind the desktop's end. */
async function checksums(): Promise<string> {
  return await root(
    `for d in /sys/block/sd*; do n=\${d##*/}; s=$(lsblk -dno SERIAL /dev/$n); blockdev --flushbufs /dev/$n; ` +
      `skip=0; [ "$s" = ${right.serial} ] && skip=32; ` +
      `echo "$s $(dd if=/dev/$n bs=1M skip=$skip count=64 status=none | md5sum)"; done | sort`,
  );
}

/** Boots the PC with the disks in their present order, and puts the program in. */
async function boot(): Promise<void> {
  await pc.start();
  await root('udevadm settle');
  const { outputFiles } = await build({
    entryPoints: ['tests/lab/guard-program.ts'],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
  });
  const text = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
  await root(`rm -f ${PROGRAM}`);
  for (let at = 0; at < text.length; at += PIECE)
    await root(`echo ${text.slice(at, at + PIECE)} | base64 -d >> ${PROGRAM}`);
}

/** The guard refuses with words, and not a byte of any disk is different afterwards. */
async function refuses(t: Test, what: string, expected: RegExp, task: Parameters<typeof guard>[0], bytes = BYTES) {
  const before = await checksums();
  const answer = await guard(task, bytes);
  t.match(answer.refused, expected, what);
  t.ok(answer.expected, `${what}: in words`);
  t.equal(await checksums(), before, `${what}: nothing was written`);
  t.notMatch(await root('dmsetup ls'), /flexdeploy-disk/, `${what}: nothing is left open`);
}

const nameOf = async (serial: string) => await root(`lsblk -dno NAME,SERIAL | awk '$2 == "${serial}" { print $1 }'`);

chapter('a PC with three disks of the same model, and the stick it starts from', async (t) => {
  pc = await deployment.pc('guard', { memoryMiB: 1536, debug: true, disks });
  await boot();
  const { disks: found = [] } = await guard({ do: 'list' });
  const chosen = found.find((d) => d.disk.serial === 'RIGHT-7001');
  if (!chosen) throw new Error(`no such disk among ${JSON.stringify(found)}`);
  right = chosen.disk;
  t.equal(found.length, 4);
  t.equal(new Set(found.filter((d) => !d.reason).map((d) => d.disk.model)).size, 1, 'all of one model');
  t.match(found.find((d) => d.disk.serial === 'stick')?.reason, { kind: 'bootMedium' });
  for (const { serial } of disks.slice(0, 3))
    await root(`dd if=/dev/urandom of=/dev/${await nameOf(serial)} bs=1M count=64 conv=fsync status=none`);
  const before = await checksums();
  t.match(await guard({ do: 'write', disk: right }), { opened: 'RIGHT-7001' });
  t.equal(await checksums(), before, 'only the right disk was written, and nothing behind the end of the desktop');
});

chapter('what is not exactly the chosen disk is refused', async (t) => {
  await refuses(t, 'not confirmed', /nobody confirmed/, { do: 'write', disk: right, confirmed: false });
  await refuses(t, 'missing', /is not in this PC/, { do: 'write', disk: { ...right, serial: 'GONE-7009' } });
  await refuses(t, 'another model', /is not what it was/, { do: 'write', disk: { ...right, model: 'Another' } });
  await refuses(t, 'another size', /is not what it was/, { do: 'write', disk: { ...right, bytes: right.bytes + 512 } });
  await refuses(t, 'too small', /smaller than/, { do: 'write', disk: right }, 65 * MIB);
  const { disks: found = [] } = await guard({ do: 'list' });
  const medium = found.find((d) => d.disk.serial === 'stick')?.disk;
  if (!medium) throw new Error('no stick');
  await refuses(t, 'the boot stick', /starts from/, { do: 'write', disk: medium });
});

chapter('a disk that is in use is refused: mounted, swap, LVM; and one that is write-protected', async (t) => {
  const name = await nameOf('WRONG-7002');
  const { disks: found = [] } = await guard({ do: 'list' });
  const disk = found.find((d) => d.disk.serial === 'WRONG-7002')?.disk;
  if (!disk) throw new Error('no disk');
  const uses: [what: string, begin: string, end: string, why: RegExp][] = [
    [
      'mounted',
      `mkfs.ext4 -q -F /dev/${name} && mkdir -p /run/m && mount -o ro /dev/${name} /run/m`,
      'umount /run/m',
      /in use/,
    ],
    ['swap', `mkswap -q /dev/${name} && swapon /dev/${name}`, `swapoff /dev/${name}`, /in use/],
    [
      'a logical volume on it, mounted',
      `dmsetup create volume --table "0 65536 linear /dev/${name} 2048" && mkfs.ext4 -q -F /dev/mapper/volume && ` +
        'mkdir -p /run/m && mount -o ro /dev/mapper/volume /run/m',
      'umount /run/m; dmsetup remove volume',
      /in use/,
    ],
    ['write-protected', `blockdev --setro /dev/${name}`, `blockdev --setrw /dev/${name}`, /write-protected/],
  ];
  for (const [what, begin, end, why] of uses) {
    await root(begin);
    await refuses(t, what, why, { do: 'write', disk });
    await root(end);
  }
});

chapter('a second disk with the same serial number: neither is taken', async (t) => {
  const file = { driver: 'null-co', 'node-name': 'twin', size: 64 * MIB, 'read-zeroes': true };
  await pc.qmp('blockdev-add', file);
  await pc.qmp('device_add', { driver: 'usb-storage', id: 'twin', drive: 'twin', serial: right.serial, bus: 'usb.0' });
  await root('for i in $(seq 50); do [ $(lsblk -dno SERIAL | grep -c RIGHT-7001) = 2 ] && break; sleep 0.2; done');
  const answer = await guard({ do: 'write', disk: right });
  t.match(answer.refused, /2 disks answer/);
  const { disks: found = [] } = await guard({ do: 'list' });
  t.equal(found.filter((d) => d.disk.serial === right.serial && d.reason).length, 2, 'and neither is offered');
  await pc.pullUsb('twin');
});

chapter('the names are swapped at the next boot: the same disk is found under another name', async (t) => {
  const before = await checksums();
  const name = await nameOf('RIGHT-7001');
  await root('for d in /dev/sd?; do sync $d; done'); // also what the disks themselves keep for later
  // the kernel looks at disks side by side: by chance, the name may come out as it was
  for (let boots = 0; boots < 5 && (await nameOf('RIGHT-7001')) === name; boots++) {
    await pc.powerCut();
    disks.reverse();
    await boot();
  }
  t.not(await nameOf('RIGHT-7001'), name, `it was ${name}`);
  t.equal(await checksums(), before);
  t.match(await guard({ do: 'write', disk: right }), { opened: 'RIGHT-7001' });
  t.equal(await checksums(), before, 'no other disk was written');
});
