import t from 'tap';
import { fixedUuid, gpt, SECTOR } from '../../builder/disk-gpt.ts';
import { bootSector, placeCoreImage } from '../../builder/disk-grub.ts';

/** Like GRUB's boot.img: code everywhere, the jump over the drive check, the signature. */
function bootImage(): Buffer {
  const image = Buffer.alloc(SECTOR, 0xcc);
  image.writeBigUInt64LE(1n, 0x5c);
  image.writeUInt16LE(0x05eb, 0x66);
  image.writeUInt16LE(0xaa55, 510);
  return image;
}

/** Like the output of grub-mkimage -O i386-pc: block list 2 sectors, n-1 sectors, segment 0x820 at the end of sector 0. */
function coreImage(bytes: number): Buffer {
  const core = Buffer.alloc(bytes, 0xdd);
  core.writeBigUInt64LE(2n, 0x1f4);
  core.writeUInt16LE(Math.ceil(bytes / SECTOR) - 1, 0x1fc);
  core.writeUInt16LE(0x820, 0x1fe);
  return core;
}

t.test("the boot sector has GRUB's code, the core's address and the disk's own partition table", async (t) => {
  const { head } = gpt({ sectors: 8192, diskGuid: fixedUuid('d'), partitions: [] });
  const sector = bootSector(bootImage(), head, 2048);
  t.equal(sector.length, SECTOR);
  t.equal(sector.readBigUInt64LE(0x5c), 2048n);
  t.equal(sector.readUInt16LE(0x66), 0x9090, 'the check of the drive number is switched on');
  t.equal(sector.readUInt8(439), 0xcc);
  t.same(sector.subarray(440), head.subarray(440, SECTOR), 'disk signature, partition table and 55 AA are kept');
});

t.test('something that is no boot sector is refused', async (t) => {
  t.throws(() => bootSector(Buffer.alloc(SECTOR), Buffer.alloc(SECTOR), 1), /not a boot sector/);
  t.throws(() => bootSector(Buffer.alloc(100), Buffer.alloc(SECTOR), 1), /not a boot sector/);
});

t.test('the core image finds its second sector, and is padded to whole sectors', async (t) => {
  const placed = placeCoreImage(coreImage(5 * SECTOR - 7), 2048);
  t.equal(placed.length, 5 * SECTOR);
  t.equal(placed.readBigUInt64LE(0x1f4), 2049n);
  t.equal(placed.readUInt16LE(0x1fc), 4);
  t.equal(placed.readUInt16LE(0x1fe), 0x820);
  t.equal(placed.readUInt8(5 * SECTOR - 1), 0);
});

t.test('a core image whose block list does not match its length is refused', async (t) => {
  const core = coreImage(5 * SECTOR);
  core.writeUInt16LE(3, 0x1fc);
  t.throws(() => placeCoreImage(core, 2048), /block list/);
  t.throws(() => placeCoreImage(Buffer.alloc(SECTOR), 2048), /too short/);
});
