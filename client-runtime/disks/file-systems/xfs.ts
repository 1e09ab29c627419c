/** XFS. Offsets: "XFS Algorithms & Data Structures", superblock and allocation group headers. Unmounting writes to the log. */
import type { Extent } from '../partitions.ts';
import { BrokenStructure } from '../reader.ts';
import { checkPower, type Probe } from './file-system.ts';

export const probeXfs: Probe = async (reader) => {
  if (reader.bytes < 64 * 1024) return undefined;
  const sb = await reader.read(0, 512);
  if (sb.toString('latin1', 0, 4) !== 'XFSB') return undefined;
  const block = checkPower(sb.readUInt32BE(4), 512, 65536, 'the block size');
  const sector = checkPower(sb.readUInt16BE(102), 512, 32768, 'the sector size');
  const agBlocks = sb.readUInt32BE(84);
  const agCount = sb.readUInt32BE(88);
  if (agCount > 65536 || agBlocks === 0) throw new BrokenStructure(`XFS cannot have ${agCount} groups`);
  // superblock, free space, inodes, free list: one sector each, at the start of every group
  const whole: Extent[] = [];
  for (let ag = 0; ag < agCount; ag++) whole.push({ start: ag * agBlocks * block, bytes: 4 * sector });
  const logStart = sb.readBigUInt64BE(48);
  if (logStart === 0n) return { kind: 'xfs', whole, sampled: [] }; // the log is on another device
  const agLog = BigInt(sb.readUInt8(124));
  const logBlock = Number(logStart >> agLog) * agBlocks + Number(logStart & ((1n << agLog) - 1n));
  const log = { start: logBlock * block, bytes: sb.readUInt32BE(96) * block };
  // records go round and round in the log: the newest one may be anywhere
  if (log.bytes <= 128 * 1024 * 1024) whole.push(log);
  return { kind: 'xfs', whole, sampled: log.bytes > 128 * 1024 * 1024 ? [log] : [] };
};
