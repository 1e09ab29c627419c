import t from 'tap';
import { contentsOf, mergeSystems, parseOsRelease } from '../../client-runtime/disks/candidates.ts';
import { Confirmations } from '../../client-runtime/disks/confirmations.ts';
import { deviceNumber } from '../../client-runtime/disks/guard.ts';
import { saysFailing } from '../../client-runtime/disks/health.ts';
import { type BlockDevice, type Disk, parseInventory } from '../../client-runtime/disks/inventory.ts';
import { parseTable } from '../../client-runtime/disks/mapping.ts';
import { identityOf, inWords, reasonAgainst, sameDisk } from '../../client-runtime/disks/rules.ts';

const GIB = 1024 ** 3;

function device(more: Partial<BlockDevice> = {}): BlockDevice {
  return {
    name: 'sda',
    number: '8:0',
    type: 'disk',
    bytes: 100 * GIB,
    model: 'Samsung SSD 870',
    serial: 'S6PUNX0T1',
    wwn: '0x5002538f',
    removable: false,
    transport: 'sata',
    readOnly: false,
    sectorBytes: 512,
    mounts: [],
    fileSystem: '',
    label: '',
    partitionLabel: '',
    partitionType: '',
    partitionTable: '',
    children: [],
    ...more,
  };
}

function disk(more: Partial<Disk> = {}): Disk {
  return { ...device(), holders: [], sequence: '1', driverSerial: 'S6PUNX0T1', embedded: false, ...more };
}

function reason(one: Disk, others: Disk[] = [], options: { failing?: boolean; ours?: string; needed?: number } = {}) {
  return reasonAgainst(one, [one, ...others], { needed: 10 * GIB, failing: false, ...options });
}

t.test('a plain internal disk may be taken', async (t) => {
  t.equal(reason(disk()), undefined);
  t.equal(reason(disk(), [disk({ serial: 'OTHER', wwn: '0x1', name: 'sdb' })]), undefined);
  t.equal(reason(disk({ removable: true, embedded: true })), undefined, 'eMMC is soldered on');
  t.equal(reason(disk({ driverSerial: '' })), undefined, 'some drivers tell no serial number');
  t.equal(reason(disk({ driverSerial: '  S6PUNX0T1 ' })), undefined);
  t.equal(reason(disk({ bytes: 10 * GIB })), undefined, 'exactly big enough');
  const ours = disk({ holders: ['dm-0'], children: [device({ name: 'dm-0', type: 'dm' })] });
  t.equal(reason(ours, [], { ours: 'dm-0' }), undefined, 'our own device over it is no use by others');
});

t.test('everything that speaks against a disk is found', async (t) => {
  const cases: [string, Disk, Disk[], string][] = [
    ['stick', disk({ removable: true }), [], 'removable'],
    ['medium', disk({ children: [device({ type: 'part', label: 'FLEXDEPLOY' })] }), [], 'bootMedium'],
    ['ISO on a disk', disk({ label: 'FLEXDEPLOY_LIVE' }), [], 'bootMedium'],
    ['no name', disk({ serial: '', wwn: '' }), [], 'noName'],
    ['two with one serial number', disk(), [disk({ name: 'sdb', wwn: '0x2' })], 'twin'],
    ['two with one WWN', disk(), [disk({ name: 'sdb', serial: 'X' })], 'twin'],
    ['stale records of udev', disk({ driverSerial: 'ANOTHER' }), [], 'changing'],
    ['read-only', disk({ readOnly: true }), [], 'readOnly'],
    ['4Kn', disk({ sectorBytes: 4096 }), [], 'sectorSize'],
    ['too small', disk({ bytes: 10 * GIB - 512 }), [], 'tooSmall'],
    ['mounted', disk({ children: [device({ type: 'part', name: 'sda1', mounts: ['/srv'] })] }), [], 'inUse'],
    ['swap', disk({ children: [device({ type: 'part', name: 'sda2', mounts: ['[SWAP]'] })] }), [], 'inUse'],
    [
      'mounted LVM',
      disk({
        children: [device({ type: 'part', children: [device({ type: 'lvm', name: 'dm-1', mounts: ['/home'] })] })],
      }),
      [],
      'inUse',
    ],
    ['active RAID', disk({ children: [device({ type: 'raid1', name: 'md0' })] }), [], 'inUse'],
    ['held', disk({ holders: ['bcache0'] }), [], 'inUse'],
  ];
  for (const [name, one, others, kind] of cases) t.equal(reason(one, others)?.kind, kind, name);
  t.equal(reason(disk(), [], { failing: true })?.kind, 'failing');
  t.equal(reason(disk({ holders: ['dm-0'] }), [], { ours: 'dm-1' })?.kind, 'inUse', "somebody else's device");
  for (const [name, one, others] of cases) {
    const found = reason(one, others);
    t.ok(found && inWords(found).length > 10, `${name}: ${found && inWords(found)}`);
  }
});

t.test('a disk is the same only when everything is', async (t) => {
  const one = identityOf(disk());
  t.ok(sameDisk(one, identityOf(disk({ name: 'sdz', number: '65:144' }))), 'names move');
  t.notOk(sameDisk(one, { ...one, serial: 'X' }));
  t.notOk(sameDisk(one, { ...one, wwn: '' }));
  t.notOk(sameDisk(one, { ...one, model: 'X' }));
  t.notOk(sameDisk(one, { ...one, bytes: one.bytes + 512 }));
  const nameless = { ...one, serial: '', wwn: '' };
  t.notOk(sameDisk(nameless, nameless), 'two disks without a name are never the same');
});

t.test('a confirmation is for one disk, one desktop and one session', async (t) => {
  const given = new Confirmations();
  const one = identityOf(disk());
  given.give('d1', one);
  t.ok(given.has('d1', one));
  t.notOk(given.has('d2', one));
  t.notOk(given.has('d1', { ...one, bytes: 1 }));
  given.clear();
  t.notOk(given.has('d1', one));
});

t.test('lsblk is read: whole disks only, with what lies on them', async (t) => {
  const row = (more: object) => ({
    kname: 'nvme0n1',
    type: 'disk',
    'maj:min': '259:0',
    size: 256 * GIB,
    model: 'WD SN570 ',
    serial: ' 2204E2',
    wwn: 'eui.e8238fa6',
    rm: false,
    hotplug: false,
    tran: 'nvme',
    ro: false,
    'log-sec': 512,
    mountpoints: [null],
    fstype: null,
    label: null,
    partlabel: null,
    parttypename: null,
    pttype: 'gpt',
    ...more,
  });
  const part = row({ kname: 'nvme0n1p1', type: 'part', fstype: 'vfat', label: 'EFI', parttypename: 'EFI System' });
  const text = JSON.stringify({
    blockdevices: [
      row({ children: [part] }),
      row({ kname: 'loop0' }),
      row({ kname: 'sr0', type: 'rom' }),
      row({ kname: 'zram0' }),
    ],
  });
  const [found, ...rest] = parseInventory(text);
  t.same(rest, []);
  t.match(found, {
    name: 'nvme0n1',
    serial: '2204E2',
    model: 'WD SN570',
    mounts: [],
    children: [{ fileSystem: 'vfat' }],
  });
  t.same(found && contentsOf(found, ['Windows']), {
    table: 'gpt',
    systems: ['Windows'],
    partitions: [{ bytes: 256 * GIB, fileSystem: 'vfat', label: 'EFI', type: 'EFI System' }],
  });
  t.throws(() => parseInventory(JSON.stringify({ blockdevices: [row({ size: 'big' })] })), /nvme0n1/);
});

t.test('small readers', async (t) => {
  t.same(parseOsRelease('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n'), [
    'Debian GNU/Linux 13 (trixie)',
  ]);
  t.same(parseOsRelease('/usr/lib/os-release: File not found by ext2_lookup'), []);
  t.same(mergeSystems(['Debian GNU/Linux 13'], ['debian', 'Windows', 'Linux']), ['Debian GNU/Linux 13', 'Windows']);
  t.same(mergeSystems([], ['Windows', 'Linux', 'Windows']), ['Windows', 'Linux']);
  t.equal(saysFailing('{"smart_status":{"passed":false}}'), true);
  t.equal(saysFailing('{"smart_status":{"passed":true}}'), false);
  t.equal(saysFailing('Unable to detect device type'), false);
  t.same(parseTable('dm-3', '0 2048 linear 8:16 0\n'), { name: 'dm-3', disk: '8:16', bytes: 1024 * 1024 });
  t.throws(() => parseTable('dm-3', '0 2048 linear 8:16 2048'), /not a device of ours/);
  t.throws(() => parseTable('dm-3', '0 8 linear 8:16 0\n8 8 linear 8:0 0'), /not a device of ours/);
  t.equal(deviceNumber(0x810n), '8:16');
  t.equal(deviceNumber((259n << 8n) | 5n), '259:5');
  t.equal(deviceNumber((8n << 8n) | (1n << 20n)), '8:256', 'minor numbers above 255');
});
