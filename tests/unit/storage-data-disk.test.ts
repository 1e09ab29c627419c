import t from 'tap';
import { parseSettings } from '../../server/desktops/open.ts';
import { type BlockDevice, candidates, chooseDataDisk, type DiskContent } from '../../server/storage/data-disk.ts';
import { sampleOffsets, statusOf } from '../../server/storage/pool.ts';

const disk = (path: string, more: Partial<BlockDevice> = {}): BlockDevice => ({
  path,
  type: 'disk',
  size: 100 * 1024 ** 3,
  ro: false,
  rm: false,
  hotplug: false,
  tran: 'sata',
  serial: path.slice(-1).toUpperCase(),
  wwn: null,
  model: null,
  fstype: null,
  pttype: null,
  mountpoints: [null],
  ...more,
});
const root = disk('/dev/vda', { pttype: 'gpt', children: [{ path: '/dev/vda1' }] });
const blank = (...paths: string[]) => new Map<string, DiskContent>(paths.map((p) => [p, { kind: 'blank' }]));

t.test('the one empty disk is taken', async (t) => {
  const choice = chooseDataDisk([root, disk('/dev/vdb')], blank('/dev/vdb'), undefined);
  t.strictSame(choice, { kind: 'chosen', path: '/dev/vdb', serial: 'B' });
});

t.test('nothing that could be somebody’s is ever a candidate', async (t) => {
  const bad = [
    root,
    disk('/dev/sdb', { rm: true }),
    disk('/dev/sdc', { hotplug: true }),
    disk('/dev/sdd', { tran: 'usb' }),
    disk('/dev/sde', { ro: true }),
    disk('/dev/sdf', { fstype: 'ext4' }),
    disk('/dev/sdg', { pttype: 'dos' }),
    disk('/dev/sdh', { mountpoints: ['/data'] }),
    disk('/dev/sdi', { size: 1024 ** 3 }),
    disk('/dev/zram0'),
    disk('/dev/loop0', { type: 'loop' }),
    disk('/dev/sr0', { type: 'rom' }),
  ];
  t.strictSame(candidates(bad), []);
  t.match(chooseDataDisk(bad, blank(...bad.map((d) => d.path)), undefined), { kind: 'none', reason: /no empty disk/ });
});

t.test('two empty disks: neither is taken, unless one is named', async (t) => {
  const two = [root, disk('/dev/vdb'), disk('/dev/vdc')];
  const contents = blank('/dev/vdb', '/dev/vdc');
  t.match(chooseDataDisk(two, contents, undefined), {
    kind: 'none',
    reason: /several disks are empty.*serial B.*serial C/,
  });
  t.match(chooseDataDisk(two, contents, 'C'), { kind: 'chosen', path: '/dev/vdc' });
  t.match(chooseDataDisk(two, contents, 'Z'), { kind: 'none', reason: /Z is not there/ });
});

t.test('old bytes without a signature need the disk to be named; a signature is never overridden', async (t) => {
  const devices = [root, disk('/dev/vdb')];
  const data = new Map<string, DiskContent>([['/dev/vdb', { kind: 'data', offset: 4096 }]]);
  t.match(chooseDataDisk(devices, data, undefined), { kind: 'none', reason: /data at byte 4096/ });
  t.match(chooseDataDisk(devices, data, 'B'), { kind: 'chosen' });
  const signature = new Map<string, DiskContent>([['/dev/vdb', { kind: 'signature', what: 'crypto_LUKS' }]]);
  t.match(chooseDataDisk(devices, signature, undefined), { kind: 'none', reason: /crypto_LUKS/ });
  t.match(chooseDataDisk(devices, signature, 'B'), { kind: 'none', reason: /crypto_LUKS/ });
  t.match(chooseDataDisk(devices, new Map(), 'B'), { kind: 'none', reason: /could not be read/ });
});

t.test('both ends of a disk and places in between are looked at, all inside it', async (t) => {
  for (const size of [4 * 1024 ** 3, 12_884_901_888, 100_030_242_816]) {
    const offsets = sampleOffsets(size, 65536);
    t.ok(offsets.includes(0));
    t.ok(Math.max(...offsets) + 65536 > size - 8192);
    t.ok(offsets.every((o) => o >= 0 && o + 65536 <= size && o % 4096 === 0));
  }
});

t.test('the state of the pool comes from the report of its volume', async (t) => {
  const pool = {
    name: 'pool',
    bytes: 1,
    pool: '',
    active: true,
    dataPercent: 5,
    metadataPercent: 7,
    whenFull: undefined,
  };
  t.strictSame(statusOf([pool]), { kind: 'ready', bytes: 1, dataPercent: 5, metadataPercent: 7 });
  t.match(statusOf([]), { kind: 'unavailable', reason: /missing/ });
  t.match(statusOf([{ ...pool, dataPercent: undefined }]), { kind: 'unavailable', reason: /not active/ });
});

t.test('a mistake in the settings is named', async (t) => {
  t.strictSame(parseSettings('{"dataDisk":"S1","openTcpPorts":[22]}', 'f'), { dataDisk: 'S1', openTcpPorts: [22] });
  t.throws(() => parseSettings('{', 'server.json'), { message: /server.json is not JSON/ });
  t.throws(() => parseSettings('{"tunnelPort":0}', 'f'), { message: /tunnelPort/ });
  t.throws(() => parseSettings('{"tunnelMtu":9001}', 'f'), { message: /tunnelMtu/ });
  t.throws(() => parseSettings('{"datadisk":"x"}', 'f'));
});
