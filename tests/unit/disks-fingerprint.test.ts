import { mkdtemp, open, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { run } from '#common/run.ts';
import { checkFingerprint, makeFingerprint } from '../../client-runtime/disks/fingerprint.ts';

// disks are made with real programs, on machines that may be busy
t.setTimeout(180_000);

const MIB = 1024 * 1024;
const BYTES = 512 * MIB;
const PARTITION = 400 * MIB;
const disk = { serial: 'S1', wwn: '', model: 'Disk', bytes: BYTES };
const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-fingerprint-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));

/** A disk with a GPT and one partition of 400 MiB, made with these programs; undefined where one is not installed. */
async function diskWith(
  name: string,
  make: ((partition: string) => [string, ...string[]])[],
): Promise<string | undefined> {
  const path = join(folder, `${name}.img`);
  const partition = `${path}.part`;
  await writeFile(path, '');
  await truncate(path, BYTES);
  await writeFile(partition, '');
  await truncate(partition, PARTITION);
  try {
    await run(['sgdisk', '--new=1:1MiB:+400MiB', path]);
    for (const argv of make) await run(argv(partition));
  } catch (error) {
    if (String(error).includes('program not found')) return undefined;
    throw error;
  }
  await run(['dd', `if=${partition}`, `of=${path}`, 'bs=1M', 'seek=1', 'conv=notrunc,sparse', 'status=none']);
  await rm(partition);
  return path;
}

async function flip(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  byte.writeUInt8(byte.readUInt8(0) ^ 0xff);
  await file.write(byte, 0, 1, offset);
  await file.close();
}

/** Looked for before the first test: tap takes a file to be over when it waits between two of its tests. */
const installed = new Set(
  (
    await Promise.all(['/usr/sbin', '/sbin', '/usr/bin', '/bin'].map((f) => readdir(f).catch(() => [] as string[])))
  ).flat(),
);

/** Why a test that needs these programs is skipped; false where all are there. */
function missing(...programs: string[]): string | false {
  const program = programs.find((p) => !installed.has(p));
  return program === undefined ? false : `${program} is not installed`;
}

interface Case {
  name: string;
  make: ((partition: string) => [string, ...string[]])[];
  programs: string[];
  /** Bytes inside the partition that every writer changes. */
  places: Record<string, number>;
}

const CASES: Case[] = [
  {
    name: 'ext',
    programs: ['mkfs.ext4'],
    make: [(p) => ['mkfs.ext4', '-q', '-F', p]],
    places: { superblock: 1024 + 0x2c, 'group descriptors': 4096 + 12 },
  },
  {
    name: 'fat',
    programs: ['mkfs.vfat', 'mmd'],
    make: [
      (p) => ['mkfs.vfat', '-F', '32', p],
      (p) => ['mmd', '-i', p, '::/EFI'],
      (p) => ['mmd', '-i', p, '::/EFI/debian'],
    ],
    places: { table: 32 * 512 + 9 },
  },
  { name: 'xfs', programs: ['mkfs.xfs'], make: [(p) => ['mkfs.xfs', '-q', p]], places: { 'free space': 512 + 52 } },
  {
    name: 'btrfs',
    programs: ['mkfs.btrfs'],
    make: [(p) => ['mkfs.btrfs', '-q', p]],
    places: { generation: 64 * 1024 + 72, 'second superblock': 64 * MIB + 72 },
  },
  { name: 'ntfs', programs: ['mkntfs'], make: [(p) => ['mkntfs', '-F', '-q', '-Q', p]], places: { boot: 0x50 } },
];

for (const { name, make, programs, places } of CASES) {
  const skip = missing('sgdisk', ...programs);
  t.test(`${name}: the same disk is known again, a change is seen`, { skip }, async (t) => {
    const path = await diskWith(name, make);
    if (!path) return t.fail('the disk was not made');
    const options = { path, bytes: BYTES, disk };
    const saved = await makeFingerprint(options);
    t.same(saved.parts, ['gpt', `${name} p1`, 'sample 1024']);
    t.match(await checkFingerprint({ ...options, saved }), { same: true });
    for (const [what, offset] of Object.entries({
      ...places,
      'first sector': 1,
      'partition table': -MIB + 1024 + 40,
    })) {
      await flip(path, MIB + offset);
      t.match(await checkFingerprint({ ...options, saved }), { same: false }, `${what} changed`);
      await flip(path, MIB + offset);
    }
    t.match(await checkFingerprint({ ...options, saved }), { same: true }, 'and as it was again');
    t.match(
      await checkFingerprint({ ...options, disk: { ...disk, serial: 'S2' }, saved }),
      { same: false },
      'another disk',
    );
  });
}

t.test('ext4: the journal counts', { skip: missing('sgdisk', 'mkfs.ext4', 'debugfs') }, async (t) => {
  const path = await diskWith('journal', [(p) => ['mkfs.ext4', '-q', '-F', p]]);
  if (!path) return t.fail('the disk was not made');
  const saved = await makeFingerprint({ path, bytes: BYTES, disk });
  const { stdout } = await run(['debugfs', '-R', 'blocks <8>', `${path}?offset=${MIB}`]);
  const first = Number(stdout.trim().split(/\s+/, 1)[0]);
  t.ok(first > 0);
  const { stdout: stats } = await run(['debugfs', '-R', 'stats -h', `${path}?offset=${MIB}`]);
  const block = Number(/^Block size:\s+(\d+)/m.exec(stats)?.[1]);
  await flip(path, MIB + first * block + 0x18); // s_sequence of the journal's superblock
  t.match(await checkFingerprint({ path, bytes: BYTES, disk, saved }), { same: false });
});

t.test(
  'ext4: a file that another system changed is seen',
  { skip: missing('sgdisk', 'mkfs.ext4', 'debugfs') },
  async (t) => {
    const path = await diskWith('changed', [(p) => ['mkfs.ext4', '-q', '-F', p]]);
    if (!path) return t.fail('the disk was not made');
    const saved = await makeFingerprint({ path, bytes: BYTES, disk });
    await run(['debugfs', '-w', '-R', 'mkdir /new', `${path}?offset=${MIB}`]);
    t.match(await checkFingerprint({ path, bytes: BYTES, disk, saved }), { same: false });
  },
);

t.test(
  'fat: a file that another system changed is seen',
  { skip: missing('sgdisk', 'mkfs.vfat', 'mmd', 'mcopy') },
  async (t) => {
    const small = join(folder, 'file');
    await writeFile(small, 'before');
    const path = await diskWith('fat-changed', [
      (p) => ['mkfs.vfat', '-F', '32', p],
      (p) => ['mmd', '-i', p, '::/EFI', '::/EFI/debian'],
      (p) => ['mcopy', '-i', p, small, '::/EFI/debian/grub.cfg'],
    ]);
    if (!path) return t.fail('the disk was not made');
    const saved = await makeFingerprint({ path, bytes: BYTES, disk });
    await writeFile(small, 'after!');
    await new Promise((resolve) => setTimeout(resolve, 2_100)); // FAT counts in steps of two seconds
    await run(['mcopy', '-o', '-i', `${path}@@1M`, small, '::/EFI/debian/grub.cfg']);
    t.match(await checkFingerprint({ path, bytes: BYTES, disk, saved }), { same: false });
  },
);

t.test('what is not understood is a doubt, and a doubt is never the same', { skip: missing('sgdisk') }, async (t) => {
  const path = await diskWith('luks', [
    (p) => ['dd', 'if=/dev/urandom', `of=${p}`, 'bs=1M', 'count=20', 'conv=notrunc', 'status=none'],
  ]);
  if (!path) return t.fail('the disk was not made');
  const saved = await makeFingerprint({ path, bytes: BYTES, disk });
  t.same(saved.parts, ['gpt', 'doubt: unknown p1', 'sample 1024']);
  const { same, why } = await checkFingerprint({ path, bytes: BYTES, disk, saved });
  t.notOk(same);
  t.match(why, /does not tell/);
});

/** Sizes, counts and addresses in the first structures of the file systems above. */
const PLACES = [0, 11, 44, 64, 84, 1024 + 24, 1024 + 0x60, 1024 + 0x10c, 65536 + 64];

t.test('structures that contradict themselves do no harm', { skip: missing('sgdisk', 'mkfs.ext4') }, async (t) => {
  for (const [name, make] of CASES.map((c) => [c.name, c] as const)) {
    if (missing(...make.programs)) continue;
    const path = await diskWith(`broken-${name}`, make.make);
    if (!path) continue;
    const file = await open(path, 'r+');
    for (let seed = 0; seed < 18; seed++) {
      const noise = Buffer.from(Array.from({ length: 8 }, (_, i) => (seed * 73 + i * 151) % 256));
      const at = MIB + (PLACES[seed % PLACES.length] ?? 0) + (seed >> 3);
      const before = Buffer.alloc(8);
      await file.read(before, 0, 8, at);
      await file.write(noise, 0, 8, at);
      const made = await makeFingerprint({ path, bytes: BYTES, disk });
      t.equal(made.parts.length, 3, `${name} ${seed}: ${made.parts[1]}`);
      await file.write(before, 0, 8, at);
    }
    await file.close();
  }
});

t.test('a blank disk, one with a file system but no partitions, and a tiny one', async (t) => {
  const path = join(folder, 'plain');
  await writeFile(path, '');
  await truncate(path, 64 * MIB);
  const options = { path, bytes: 64 * MIB, disk };
  t.same((await makeFingerprint(options)).parts, ['doubt: unknown disk', 'sample 1024']);
  if (!missing('mkfs.ext4')) {
    await run(['mkfs.ext4', '-q', '-F', path]);
    t.same((await makeFingerprint(options)).parts, ['ext disk', 'sample 1024']);
  }
  const tiny = { ...options, bytes: MIB };
  t.match(await checkFingerprint({ ...tiny, saved: await makeFingerprint(tiny) }), { same: true });
});
