/** Btrfs: every transaction writes a new generation into the superblocks, at 64 KiB, 64 MiB and 256 GiB. */
import type { Probe } from './file-system.ts';

const COPIES = [64 * 1024, 64 * 1024 ** 2, 256 * 1024 ** 3];
const SUPERBLOCK_BYTES = 4096;

export const probeBtrfs: Probe = async (reader) => {
  if (reader.bytes < 2 * 64 * 1024) return undefined;
  const sb = await reader.read(64 * 1024, SUPERBLOCK_BYTES);
  if (sb.toString('latin1', 64, 72) !== '_BHRfS_M') return undefined;
  const whole = COPIES.filter((start) => start + SUPERBLOCK_BYTES <= reader.bytes).map((start) => ({
    start,
    bytes: SUPERBLOCK_BYTES,
  }));
  return { kind: 'btrfs', whole, sampled: [] };
};
