/**
 * The build cache: results named by the hash of what they were made from, in `$XDG_CACHE_HOME/flexdeploy`, so that
 * clean checkouts share them. Bounded: the entries that were not used for longest go first.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from '#common/files.ts';

/** GiB that the cache may hold. */
export const CACHE_LIMIT_GIB = 12;

export interface CacheItem {
  path: string;
  bytes: number;
  /** ms since the epoch */
  lastUsed: number;
}

/** Where the cache lives: `$XDG_CACHE_HOME/flexdeploy`, `~/.cache/flexdeploy` without it. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME?.startsWith('/') ? env.XDG_CACHE_HOME : join(homedir(), '.cache'), 'flexdeploy');
}

/** SHA-256 (hex) of a value as JSON with sorted keys: equal values, equal key. */
export function cacheKey(inputs: unknown): string {
  return createHash('sha256').update(canonicalJson(inputs)).digest('hex');
}

/** JSON with the keys of every object in code point order; `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}

/** Which items have to go so that at most `limitBytes` stay: the longest unused first, those in `keep` never. */
export function chooseEvictions(
  items: readonly CacheItem[],
  limitBytes: number,
  keep: ReadonlySet<string>,
): CacheItem[] {
  let total = items.reduce((sum, i) => sum + i.bytes, 0);
  const evicted: CacheItem[] = [];
  for (const item of [...items].sort((a, b) => a.lastUsed - b.lastUsed)) {
    if (total <= limitBytes) break;
    if (keep.has(item.path)) continue;
    evicted.push(item);
    total -= item.bytes;
  }
  return evicted;
}

export class Cache {
  readonly folder: string;
  readonly #fresh: boolean;
  readonly #used = new Set<string>();

  /** @param options `fresh`: what is there is made again, and replaced */
  constructor(folder: string, options: { fresh?: boolean } = {}) {
    this.folder = folder;
    this.#fresh = options.fresh ?? false;
  }

  /** Downloaded Debian packages, shared by all builds. */
  get debs(): string {
    return join(this.folder, 'debs');
  }

  /** A new empty folder on the cache's file system, for work in progress. The caller removes it. */
  async workFolder(): Promise<string> {
    const path = join(this.folder, 'work', randomUUID());
    await mkdir(path, { recursive: true });
    return path;
  }

  /**
   * The folder that holds what `make` makes from `inputs`: the one from last time, or a new one.
   * `make` fills a temporary folder that only gets its name when it is complete.
   */
  async entry(
    kind: string,
    inputs: unknown,
    make: (folder: string) => Promise<void>,
  ): Promise<{ folder: string; hit: boolean }> {
    const folder = join(this.folder, 'entries', `${kind}-${cacheKey(inputs)}`);
    const fresh = this.#fresh && !this.#used.has(folder);
    this.#used.add(folder);
    const there = await stat(folder).catch(() => undefined);
    if (there && !fresh) {
      const now = new Date();
      await utimes(folder, now, now);
      return { folder, hit: true };
    }
    const work = await this.workFolder();
    try {
      await make(work);
      await writeFile(join(work, 'inputs.json'), `${canonicalJson(inputs)}\n`);
      await mkdir(join(this.folder, 'entries'), { recursive: true });
      await rm(folder, { recursive: true, force: true });
      await rename(work, folder);
    } finally {
      await removeTree(work);
    }
    return { folder, hit: false };
  }

  /** Removes what was not used for longest until the cache is small enough. Returns the bytes that were freed. */
  async evict(limitBytes = CACHE_LIMIT_GIB * 1024 ** 3): Promise<number> {
    const items = [...(await itemsIn(join(this.folder, 'entries'))), ...(await itemsIn(this.debs))];
    let freed = 0;
    for (const item of chooseEvictions(items, limitBytes, this.#used)) {
      await rm(item.path, { recursive: true, force: true });
      freed += item.bytes;
    }
    return freed;
  }

  /** Empties the cache. Returns the bytes that were freed. */
  async clean(): Promise<number> {
    const bytes = await sizeOf(this.folder);
    await rm(this.folder, { recursive: true, force: true });
    return bytes;
  }
}

async function itemsIn(folder: string): Promise<CacheItem[]> {
  const names = await readdir(folder).catch(() => []);
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const { mtimeMs } = await stat(path);
      return { path, bytes: await sizeOf(path), lastUsed: mtimeMs };
    }),
  );
}

/** Bytes of all files below a path (0 if it is not there). */
async function sizeOf(path: string): Promise<number> {
  const s = await stat(path).catch(() => undefined);
  if (!s) return 0;
  if (!s.isDirectory()) return s.size;
  let sum = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sum;
}
