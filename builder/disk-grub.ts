/**
 * GRUB on a BIOS machine, put in place without grub-install: the boot sector holds the address of the core image, whose
 * first sector holds the address of the rest. Offsets: GRUB 2.12, include/grub/i386/pc/boot.h and util/setup.c.
 */
import { SECTOR } from './disk-gpt.ts';

const KERNEL_SECTOR_AT = 0x5c;
const DRIVE_CHECK_AT = 0x66;
/** Boot code ends here; what follows is the disk's signature and the partition table. */
const BOOT_CODE_END = 440;
/** `struct grub_pc_bios_boot_blocklist` at the end of the core's first sector: start (8), length (2), segment (2). */
const BLOCK_LIST_AT = SECTOR - 12;

/**
 * The first sector of the disk: GRUB's boot code over the protective MBR.
 * @param bootImage `boot.img` of grub-pc-bin (512 bytes)
 * @param mbr the sector that holds the partition table
 * @param coreLba first sector of the core image
 */
export function bootSector(bootImage: Buffer, mbr: Buffer, coreLba: number): Buffer {
  if (bootImage.length !== SECTOR || bootImage.readUInt16LE(510) !== 0xaa55) {
    throw new Error('boot.img is not a boot sector');
  }
  const sector = Buffer.from(mbr.subarray(0, SECTOR));
  bootImage.copy(sector, 0, 0, BOOT_CODE_END);
  sector.writeBigUInt64LE(BigInt(coreLba), KERNEL_SECTOR_AT);
  // Two NOPs where boot.img jumps over its check of the drive number: some BIOSes pass nonsense (as grub-bios-setup does).
  sector.writeUInt16LE(0x9090, DRIVE_CHECK_AT);
  return sector;
}

/**
 * The core image (of `grub-mkimage -O i386-pc`) for a place on the disk where it lies in one piece.
 * @param lba its first sector
 * @returns whole sectors
 */
export function placeCoreImage(core: Buffer, lba: number): Buffer {
  const sectors = Math.ceil(core.length / SECTOR);
  if (sectors < 2) throw new Error('core.img is too short');
  const placed = Buffer.alloc(sectors * SECTOR);
  core.copy(placed);
  if (placed.readUInt16LE(BLOCK_LIST_AT + 8) !== sectors - 1) {
    throw new Error('core.img is not what grub-mkimage -O i386-pc makes: its block list does not match its length');
  }
  placed.writeBigUInt64LE(BigInt(lba + 1), BLOCK_LIST_AT);
  return placed;
}
