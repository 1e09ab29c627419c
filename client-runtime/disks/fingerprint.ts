/**
 * Proof that nobody has written to a disk since it was left: a hash over what no system can leave as it was when it
 * writes (partition tables, superblocks, journals, directories of FAT, $MFT of NTFS) and over a sample of blocks whose
 * places only the key tells. Made when the PC leaves, compared when it is back. What is not understood is a doubt, and
 * a doubt is never the same: then the disks are compared block by block (docs/decisions.md).
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import type { Fingerprint } from '#common/protocol/host-link.ts';
import { probeBtrfs } from './file-systems/btrfs.ts';
import { probeExt } from './file-systems/ext.ts';
import { probeFat } from './file-systems/fat.ts';
import type { Probe, Structures } from './file-systems/file-system.ts';
import { probeNtfs } from './file-systems/ntfs.ts';
import { probeXfs } from './file-systems/xfs.ts';
import { type Extent, readPartitionTable } from './partitions.ts';
import { BrokenStructure, partOf, type Reader, withReader } from './reader.ts';

export interface FingerprintOptions {
  /** The guarded device; nobody writes to it meanwhile. */
  path: string;
  bytes: number;
  disk: DiskIdentity;
}

const MIB = 1024 * 1024;
/** Blocks of 4 KiB looked at all over the disk. On a hard disk about 5 s, on anything newer well below one. */
const SAMPLE = 1024;
const SAMPLE_BLOCK = 4096;
/** Blocks looked at in a journal that is too big to be read as a whole. */
const JOURNAL_SAMPLE = 64;
/** A partition up to this size is hashed as a whole, whatever is in it: boot loaders, Microsoft's reserved one. */
const SMALL = 16 * MIB;
/** What structures may be hashed from end to end in one partition: minutes are too long. */
const MAX_WHOLE = 2048 * MIB;
const PIECE = 4 * MIB;
const PROBES: readonly Probe[] = [probeExt, probeXfs, probeBtrfs, probeNtfs, probeFat];
const DOUBT = 'doubt:';

export async function makeFingerprint(options: FingerprintOptions): Promise<Fingerprint> {
  return await fingerprint(options, randomBytes(32).toString('hex'));
}

/** `same`: nobody can have written to the disk. `why` says what was seen, in words for people. */
export async function checkFingerprint(
  options: FingerprintOptions & { saved: Fingerprint },
): Promise<{ same: boolean; why: string }> {
  const { saved } = options;
  const doubt = saved.parts.find((p) => p.startsWith(DOUBT));
  if (doubt) return { same: false, why: `what is on the disk does not tell whether it was changed (${doubt})` };
  const now = await fingerprint(options, saved.key);
  if (now.hash === saved.hash) return { same: true, why: `the disk is as it was left (${now.parts.join(', ')})` };
  const other =
    now.parts.join() === saved.parts.join() ? '' : `: ${saved.parts.join(', ')} became ${now.parts.join(', ')}`;
  return { same: false, why: `the disk was changed since it was left${other}` };
}

async function fingerprint({ path, bytes, disk }: FingerprintOptions, key: string): Promise<Fingerprint> {
  const hash = createHash('sha256');
  hash.update(`flexdeploy 1 ${key} ${JSON.stringify([disk.serial, disk.wwn, disk.model, disk.bytes])} ${bytes} `);
  const parts = await withReader(path, bytes, async (reader) => {
    const keyed = new Keyed(key);
    const told = await structures(reader, hash, keyed);
    await addSample(reader, { start: 0, bytes: reader.bytes }, SAMPLE, hash, keyed);
    return [...told, `sample ${SAMPLE}`];
  });
  return { version: 1, key, hash: hash.update(parts.join('\n')).digest('hex'), parts: parts.slice(0, 64) };
}

type Hash = ReturnType<typeof createHash>;

async function structures(reader: Reader, hash: Hash, keyed: Keyed): Promise<string[]> {
  const edge = Math.min(MIB, reader.bytes);
  await add(reader, { start: 0, bytes: edge }, hash);
  await add(reader, { start: reader.bytes - edge, bytes: edge }, hash);
  const table = await readPartitionTable(reader).catch(doubtful);
  if (typeof table === 'string') return [table];
  for (const extent of table.tables) await add(reader, extent, hash);
  if (table.kind === 'none') return [await partition('disk', reader, hash, keyed)];
  const told: string[] = [table.kind];
  for (const [index, { start, bytes }] of table.partitions.entries())
    told.push(await partition(`p${index + 1}`, partOf(reader, start, bytes), hash, keyed));
  return told;
}

/** Hashes what counts of one partition; says what it was. */
async function partition(name: string, reader: Reader, hash: Hash, keyed: Keyed): Promise<string> {
  if (reader.bytes <= SMALL) {
    await add(reader, { start: 0, bytes: reader.bytes }, hash);
    return `whole ${name}`;
  }
  await add(reader, { start: 0, bytes: MIB }, hash);
  const found = await probe(reader).catch(doubtful);
  if (typeof found === 'string') return `${found} ${name}`;
  if (!found) return (await isSwap(reader)) ? `swap ${name}` : `${DOUBT} unknown ${name}`;
  const size = found.whole.reduce((sum, extent) => sum + extent.bytes, 0);
  if (size > MAX_WHOLE) return `${DOUBT} ${found.kind} too big ${name}`;
  try {
    for (const extent of found.whole) await add(reader, extent, hash);
    for (const extent of found.sampled) {
      await add(reader, { start: extent.start, bytes: Math.min(MIB, extent.bytes) }, hash);
      await addSample(reader, extent, JOURNAL_SAMPLE, hash, keyed);
    }
  } catch (error) {
    return `${doubtful(error)} ${name}`;
  }
  return `${found.kind} ${name}`;
}

async function probe(reader: Reader): Promise<Structures | undefined> {
  for (const one of PROBES) {
    const found = await one(reader);
    if (found) return found;
  }
  return undefined;
}

/** A broken structure is a doubt; a disk that cannot be read is an error. */
function doubtful(error: unknown): string {
  if (error instanceof BrokenStructure) return `${DOUBT} broken`;
  throw error;
}

/** Swap holds nothing that outlives its system; what uses it also writes elsewhere. */
async function isSwap(reader: Reader): Promise<boolean> {
  return (await reader.read(4096 - 10, 10)).toString('latin1') === 'SWAPSPACE2';
}

async function add(reader: Reader, { start, bytes }: Extent, hash: Hash): Promise<void> {
  hash.update(`${start} ${bytes} `);
  for (let at = 0; at < bytes; at += PIECE) hash.update(await reader.read(start + at, Math.min(PIECE, bytes - at)));
}

async function addSample(reader: Reader, extent: Extent, count: number, hash: Hash, keyed: Keyed): Promise<void> {
  const blocks = Math.floor(extent.bytes / SAMPLE_BLOCK);
  if (blocks === 0) return;
  const places = Array.from({ length: count }, () => keyed.below(blocks)).sort((a, b) => a - b);
  for (const place of places) {
    const at = extent.start + place * SAMPLE_BLOCK;
    hash.update(`${at} `).update(await reader.read(at, SAMPLE_BLOCK));
  }
}

/** Numbers that nobody can tell without the key. */
class Keyed {
  readonly #key: Buffer;
  #counter = 0;

  constructor(key: string) {
    this.#key = Buffer.from(key, 'hex');
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    const bytes = createHmac('sha256', this.#key)
      .update(String(this.#counter++))
      .digest();
    return bytes.readUIntBE(0, 6) % limit;
  }
}
