/** ext2, ext3, ext4. Offsets: the kernel's Documentation/filesystems/ext4. Every mount for writing changes the superblock. */
import type { Extent } from '../partitions.ts';
import type { Reader } from '../reader.ts';
import { checkPower, type Probe } from './file-system.ts';

const SUPERBLOCK = 1024;
const MAGIC = 0xef53;
const EXTENT_MAGIC = 0xf30a;
const INCOMPAT_64BIT = 0x80;
const INCOMPAT_META_BG = 0x10;

export const probeExt: Probe = async (reader) => {
  if (reader.bytes < 4096) return undefined;
  const sb = await reader.read(SUPERBLOCK, 1024);
  if (sb.readUInt16LE(0x38) !== MAGIC) return undefined;
  const block = checkPower(1024 << Math.min(sb.readUInt32LE(0x18), 7), 1024, 65536, 'the block size');
  const blocks = sb.readUInt32LE(0x04);
  const groups = Math.ceil(blocks / Math.max(1, sb.readUInt32LE(0x20)));
  const incompat = sb.readUInt32LE(0x60);
  const descriptor = incompat & INCOMPAT_64BIT ? Math.max(32, sb.readUInt16LE(0xfe)) : 32;
  const whole: Extent[] = [{ start: SUPERBLOCK, bytes: 1024 }];
  const table = { start: (sb.readUInt32LE(0x14) + 1) * block, bytes: groups * descriptor };
  if (!(incompat & INCOMPAT_META_BG) && table.bytes < 32 * 1024 * 1024) whole.push(table);
  return { kind: 'ext', whole, sampled: await journal(reader, sb, block) };
};

/** From the copy of the journal's inode in the superblock (s_jnl_blocks: i_block, and the size). */
async function journal(reader: Reader, sb: Buffer, block: number): Promise<Extent[]> {
  if (sb.readUInt8(0xfd) !== 1) return [];
  const map = sb.subarray(0x10c, 0x10c + 60);
  if (map.readUInt16LE(0) !== EXTENT_MAGIC) {
    const first = map.readUInt32LE(0); // ext3: block numbers; its first ones are written one after the other
    return first === 0 ? [] : [{ start: first * block, bytes: 12 * block }];
  }
  const depth = map.readUInt16LE(6);
  const node = depth === 0 ? map : depth === 1 ? await reader.read(map.readUInt32LE(12 + 4) * block, block) : undefined;
  if (!node || node.readUInt16LE(0) !== EXTENT_MAGIC || node.readUInt16LE(6) !== 0) return [];
  const extents: Extent[] = [];
  for (let i = 0; i < node.readUInt16LE(2) && 24 + i * 12 <= node.length; i++) {
    const at = 12 + i * 12;
    const start = node.readUInt16LE(at + 6) * 2 ** 32 + node.readUInt32LE(at + 8);
    extents.push({ start: start * block, bytes: (node.readUInt16LE(at + 4) & 0x7fff) * block });
  }
  return extents;
}
