/**
 * A first sync that copies only what may hold something. DRBD by itself reads all of a new peer's disk to find what is
 * zero. Instead both ends begin from one point: an empty disk. The server's end clears its bitmap and notes every write
 * from then on; the PC makes zero what the server's disk never held, and its metadata says that it has the server's data
 * of that moment, but for what the server's disk does hold. What either end marks is copied (DRBD merges both bitmaps),
 * so a block is left out only if both disks have zeros there. Pure.
 */
import { UserError } from '#common/errors.ts';
import type { Baseline } from '#common/protocol/host-link.ts';
import { BIT_BYTES, WORD_BYTES } from './resource.ts';

/** A piece of a disk; bytes. */
export type Range = Baseline['used'][number];

/** Bytes: pieces begin and end at multiples of it, in whole words of DRBD's bitmap. The rest of a disk is always copied. */
const UNIT = 1024 ** 2;
/** Bytes: a shorter gap is copied with what is around it, for DRBD finds its zeros; so a list has few pieces. */
const SHORTEST_GAP = 16 * UNIT;
const SECTOR = 512;

/** Whether DRBD believes metadata for a disk of this size to the last bit: see {@link import('./resource.ts').diskSize}. */
export function canBegin(diskBytes: number): boolean {
  return diskBytes % BIT_BYTES === 0 && diskBytes % WORD_BYTES !== 0;
}

function wholeUnits(diskBytes: number): number {
  return Math.floor(diskBytes / UNIT) * UNIT;
}

/** What has to be copied so that nothing of `mapped` (ascending) is missed: whole units, with no short gaps in between. */
export function worthCopying(mapped: Iterable<Range>, diskBytes: number): Range[] {
  const found: Range[] = [];
  for (const { from, bytes } of mapped) {
    const begin = Math.floor(from / UNIT) * UNIT;
    const end = Math.min(Math.ceil((from + bytes) / UNIT) * UNIT, wholeUnits(diskBytes));
    if (begin >= end) break; // behind the last whole piece
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
  const whole = wholeUnits(diskBytes);
  const gaps: Range[] = [];
  let at = 0;
  for (const { from, bytes } of [...used, { from: whole, bytes: 0 }]) {
    if (from < at || from % UNIT !== 0 || bytes % UNIT !== 0 || from + bytes > whole) {
      throw new UserError(`not a piece of a disk of ${diskBytes} bytes: ${bytes} bytes from ${from}`);
    }
    if (from > at) gaps.push({ from: at, bytes: from - at });
    at = from + bytes;
  }
  return gaps;
}

/**
 * Metadata as `drbdmeta restore-md` takes it (drbd-utils 9.22, `v08`): inconsistent, and lacking what is in `used`.
 * @throws UserError as {@link gapsIn}, and for a disk that is none of {@link canBegin}
 */
export function metadataText(
  { uuid, used }: Baseline,
  { diskBytes, largestRequest }: { diskBytes: number; largestRequest: number },
): string {
  if (!canBegin(diskBytes)) throw new UserError(`DRBD would not believe metadata for a disk of ${diskBytes} bytes`);
  const [none, all] = [word(0n), word(2n ** 64n - 1n)];
  const rest = diskBytes - wholeUnits(diskBytes);
  const bits = [
    ...used.map((range) => ({ ...range, word: all })),
    ...gapsIn(used, diskBytes).map((range) => ({ ...range, word: none })),
    { from: wholeUnits(diskBytes), bytes: Math.floor(rest / WORD_BYTES) * WORD_BYTES, word: all },
  ].toSorted((a, b) => a.from - b.from);
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
    ...bits.filter(({ bytes }) => bytes > 0).map(({ bytes, word }) => `  ${bytes / WORD_BYTES} times ${word};`),
    `  ${word(2n ** BigInt((rest % WORD_BYTES) / BIT_BYTES) - 1n)};`,
    '}',
    '',
  ].join('\n');
}

function word(bits: bigint): string {
  return `0x${bits.toString(16).toUpperCase().padStart(16, '0')}`;
}
