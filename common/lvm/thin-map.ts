/**
 * Which pieces of a thin volume were ever written: what the pool has mapped. All else reads as zeros. Needs root and
 * thin-provisioning-tools (1.1: `thin_dump` writes an XML element a line).
 */
import { UserError } from '#common/errors.ts';
import { followLines } from '#common/process.ts';
import { run } from '#common/run.ts';
import { mapperPath, thinIdOf } from './lvm.ts';

const SECTOR = 512;
/** Milliseconds for reading all mappings of a large volume on a slow machine. */
const DUMP_LIMIT = 120_000;

/** A piece of a volume; bytes. */
export interface Range {
  from: number;
  bytes: number;
}

/** The kernel keeps one picture of a pool's metadata at a time. */
let last: Promise<unknown> = Promise.resolve();

/** Ascending. What is written while this runs may be missing. @throws when the pool cannot be asked */
export function mappedRanges(group: string, pool: string, volume: string): Promise<Range[]> {
  const ranges = last.then(() => readMap(group, pool, volume));
  last = ranges.catch(() => {});
  return ranges;
}

async function readMap(group: string, pool: string, volume: string): Promise<Range[]> {
  const id = await thinIdOf(group, volume);
  const tell = (message: string) => ['dmsetup', 'message', mapperPath(group, `${pool}-tpool`), '0', message] as const;
  await run(tell('release_metadata_snap'), { okExitCodes: [0, 1] }); // of a process that was killed
  await run(tell('reserve_metadata_snap'));
  try {
    const map = new ThinDump();
    const argv = ['thin_dump', '--metadata-snap', '--dev-id', String(id), mapperPath(group, `${pool}_tmeta`)] as const;
    const { code } = await followLines(argv, {
      signal: AbortSignal.timeout(DUMP_LIMIT),
      onLine: (line) => map.take(line),
    });
    if (code !== 0) throw new UserError(`thin_dump ended with ${code}`);
    return map.ranges;
  } finally {
    await run(tell('release_metadata_snap'), { okExitCodes: [0, 1] });
  }
}

/** The mappings in what `thin_dump` writes about one volume, taken line by line. Pure but for its own memory. */
export class ThinDump {
  readonly #ranges: Range[] = [];
  /** Bytes of a block. */
  #block = 0;
  /** Of the volume, as the pool counts them. */
  #blocks: number | undefined;
  #found = 0;
  #ended = false;

  take(line: string): void {
    const [, element] = /^\s*<(\/?\w+)/.exec(line) ?? [];
    const of = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(line)?.[1]);
    if (element === 'superblock') this.#block = of('data_block_size') * SECTOR;
    if (element === 'device') this.#blocks = of('mapped_blocks');
    if (element === 'single_mapping') this.#add(of('origin_block'), 1);
    if (element === 'range_mapping') this.#add(of('origin_begin'), of('length'));
    if (element === '/superblock') this.#ended = true;
  }

  /** Ascending, and joined where they touch. @throws UserError unless all that the pool counts was told */
  get ranges(): Range[] {
    if (!this.#ended || this.#found !== this.#blocks || !(this.#block > 0)) {
      throw new UserError(`thin_dump told of ${this.#found} blocks where the pool counts ${this.#blocks}`);
    }
    return this.#ranges;
  }

  #add(begin: number, length: number): void {
    const [from, bytes] = [begin * this.#block, length * this.#block];
    const before = this.#ranges.at(-1);
    const end = before ? before.from + before.bytes : 0;
    if (!(from >= end && bytes > 0)) return; // then one is missing in the end
    if (before && end === from) before.bytes += bytes;
    else this.#ranges.push({ from, bytes });
    this.#found += length;
  }
}
