import { crc32 } from 'node:zlib';
import t from 'tap';
import { fixedUuid, gpt, guidBytes, PARTITION_TYPE, type Partition, SECTOR } from '../../builder/disk-gpt.ts';

const partition = (over: Partial<Partition> = {}): Partition => ({
  type: PARTITION_TYPE.linuxRootX86,
  guid: '11111111-2222-3333-4444-555555555555',
  name: 'root',
  firstLba: 2048,
  lastLba: 4095,
  ...over,
});

t.test('a GUID is stored with its first three groups reversed', async (t) => {
  // EFI system partition, as in the UEFI specification and on every disk
  t.equal(guidBytes(PARTITION_TYPE.efiSystem).toString('hex'), '28732ac11ff8d211ba4b00a0c93ec93b');
  // the BIOS boot partition's reads "Hah!IdontNeedEFI"
  t.equal(guidBytes(PARTITION_TYPE.biosBoot).toString('latin1'), 'Hah!IdontNeedEFI');
  t.throws(() => guidBytes('no-guid'), /not a GUID/);
});

t.test('the same words give the same UUID, other words another', async (t) => {
  t.equal(fixedUuid('a', 'b'), fixedUuid('a', 'b'));
  t.not(fixedUuid('a', 'b'), fixedUuid('ab'));
  t.match(fixedUuid('x'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

t.test('the table has both copies, each pointing at the other, with right check sums', async (t) => {
  const sectors = 8192;
  const diskGuid = fixedUuid('disk');
  const { head, tail } = gpt({ sectors, diskGuid, partitions: [partition()] });
  t.equal(head.length, 34 * SECTOR);
  t.equal(tail.length, 33 * SECTOR);
  const primary = head.subarray(SECTOR, 2 * SECTOR);
  const backup = tail.subarray(32 * SECTOR);
  for (const [header, own, other, entriesAt] of [
    [primary, 1, sectors - 1, 2],
    [backup, sectors - 1, 1, sectors - 33],
  ] as const) {
    t.equal(header.toString('latin1', 0, 8), 'EFI PART');
    t.equal(Number(header.readBigUInt64LE(24)), own);
    t.equal(Number(header.readBigUInt64LE(32)), other);
    t.equal(Number(header.readBigUInt64LE(40)), 34);
    t.equal(Number(header.readBigUInt64LE(48)), sectors - 34);
    t.equal(Number(header.readBigUInt64LE(72)), entriesAt);
    const zeroed = Buffer.from(header.subarray(0, 92));
    zeroed.writeUInt32LE(0, 16);
    t.equal(header.readUInt32LE(16), crc32(zeroed));
    t.equal(header.readUInt32LE(88), crc32(head.subarray(2 * SECTOR)));
  }
  t.same(head.subarray(2 * SECTOR), tail.subarray(0, 32 * SECTOR));
});

t.test('an entry holds type, GUID, first and last sector and the name', async (t) => {
  const { head } = gpt({ sectors: 8192, diskGuid: fixedUuid('d'), partitions: [partition({ name: 'roöt' })] });
  const entry = head.subarray(2 * SECTOR, 2 * SECTOR + 128);
  t.same(entry.subarray(0, 16), guidBytes(PARTITION_TYPE.linuxRootX86));
  t.equal(entry.readBigUInt64LE(32), 2048n);
  t.equal(entry.readBigUInt64LE(40), 4095n);
  t.equal(entry.toString('utf16le', 56, 128).replace(/\0+$/, ''), 'roöt');
});

t.test('the protective MBR covers the disk, or all that 32 bits can say', async (t) => {
  const type = (sectors: number) => gpt({ sectors, diskGuid: fixedUuid('d'), partitions: [] }).head.subarray(446, 462);
  t.equal(type(8192).toString('hex'), '00000200eeffffff01000000ff1f0000');
  t.equal(type(2 ** 33).readUInt32LE(12), 0xffff_ffff);
});

t.test('partitions that overlap or do not fit are refused', async (t) => {
  const make = (...partitions: Partition[]) => gpt({ sectors: 8192, diskGuid: fixedUuid('d'), partitions });
  t.throws(() => make(partition({ firstLba: 33 })), /does not fit/);
  t.throws(() => make(partition({ lastLba: 8192 - 33 })), /does not fit/);
  t.throws(() => make(partition(), partition({ firstLba: 4095, lastLba: 5000 })), /does not fit/);
  t.doesNotThrow(() => make(partition({ firstLba: 34, lastLba: 8192 - 34 })));
});
