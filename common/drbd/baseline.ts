/**
 * A first sync that copies only what may hold something. DRBD by itself reads all of a new peer's disk to find what is
 * zero. Instead both ends begin from one point: an empty disk. The server's end clears its bitmap and notes every write
 * from then on; the PC makes zero what the server's disk never held, and its metadata says that it has the server's data
 * of that moment, but for what the server's disk does hold. What either end marks is copied (DRBD merges both bitmaps),
 * so a block is left out only if both disks have zeros there. Pure.
 */
import { UserError } from '#common/errors.ts';
import type { Baseline } from '#common/protocol/host-link.ts';

/** A piece of a disk; bytes. */
export type Range = Baseline['used'][number];

/** Bytes: pieces begin and end at multiples of it. Four words of DRBD's bitmap. */
const UNIT = 1024 ** 2;
/** Bytes: a shorter gap is copied with what is around it, for DRBD finds its zeros; so a list has few pieces. */
const SHORTEST_GAP = 16 * UNIT;
/** Bytes of a disk that a word of 64 bits stands for: one bit for 4 KiB (drbd_int.h, BM_BLOCK_SHIFT). */
const WORD_BYTES = 64 * 4096;
const SECTOR = 512;

/** What has to be copied so that nothing of `mapped` (ascending) is missed: whole units, with no short gaps in between. */
export function worthCopying(mapped: Iterable<Range>, diskBytes: number): Range[] {
  const found: Range[] = [];
  for (const { from, bytes } of mapped) {
    const begin = Math.floor(from / UNIT) * UNIT;
    const end = Math.min(Math.ceil((from + bytes) / UNIT) * UNIT, diskBytes);
    const last = found.at(-1);
    if (last && begin - (last.from + last.bytes) < SHORTEST_GAP) {
      last.bytes = Math.max(last.bytes, end - last.from);
    } else found.push({ from: begin, bytes: end - begin });
  }
  return found;
}

/**
 * The pieces of a disk that are not in `used`.
 * @throws UserError for pieces that are not ascending, not of whole units, or not on the disk
 */
export function gapsIn(used: readonly Range[], diskBytes: number): Range[] {
  if (diskBytes % UNIT !== 0) throw new UserError(`a disk of ${diskBytes} bytes has no whole pieces`);
  const gaps: Range[] = [];
  let at = 0;
  for (const { from, bytes } of [...used, { from: diskBytes, bytes: 0 }]) {
    if (from < at || from % UNIT !== 0 || bytes % UNIT !== 0 || from + bytes > diskBytes) {
      throw new UserError(`not a piece of a disk of ${diskBytes} bytes: ${bytes} bytes from ${from}`);
    }
    if (from > at) gaps.push({ from: at, bytes: from - at });
    at = from + bytes;
  }
  return gaps;
}

/**
 * Metadata as `drbdmeta restore-md` takes it (drbd-utils 9.22, `v08`): inconsistent, and lacking what is in `used`.
 * @throws UserError as {@link gapsIn}
 */
export function metadataText(
  { uuid, used }: Baseline,
  { diskBytes, largestRequest }: { diskBytes: number; largestRequest: number },
): string {
  const gaps = gapsIn(used, diskBytes);
  const bits = [
    ...used.map((range) => ({ ...range, word: '0xFFFFFFFFFFFFFFFF' })),
    ...gaps.map((range) => ({ ...range, word: '0x0000000000000000' })),
  ].toSorted((a, b) => a.from - b.from);
  const none = '0x0000000000000000';
  return [
    'version "v08";',
    `uuid { 0x${uuid}; ${none}; ${none}; ${none}; flags 0x00000000; }`,
    `la-size-sect ${diskBytes / SECTOR};`,
    'bm-byte-per-bit 4096;',
    `device-uuid ${none};`,
    `la-peer-max-bio-size ${largestRequest};`,
    'al-stripes 1;',
    'al-stripe-size-4k 8;',
    'bm {',
    ...bits.map(({ bytes, word }) => `  ${bytes / WORD_BYTES} times ${word};`),
    '}',
    '',
  ].join('\n');
}
