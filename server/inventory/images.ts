import type { Readable } from 'node:stream';
import type { Image, ImportImageQuery } from '#common/protocol/client-server.ts';
import type { Database } from '../database/open.ts';
import type { ImageRow } from '../database/schema.ts';
import type { Hosting } from '../hosting.ts';
import { Problem } from '../problem.ts';

export interface ImagesOptions {
  database: Database;
  hosting: Hosting;
  /** ms since the epoch */
  now: () => number;
}

export interface ImportBody {
  body: Readable;
  /** Length of `body` if the sender told it. */
  bytes?: number | undefined;
  onProgress(bytes: number): void;
}

/** The golden images. As with desktops, a row is there before its data and goes after it; see `phase`. */
export class Images {
  readonly #database: Database;
  readonly #hosting: Hosting;
  readonly #now: () => number;

  constructor({ database, hosting, now }: ImagesOptions) {
    this.#database = database;
    this.#hosting = hosting;
    this.#now = now;
  }

  async list(): Promise<Image[]> {
    const rows = await this.#database
      .selectFrom('images')
      .selectAll()
      .where('phase', '=', 'ready')
      .orderBy('name')
      .execute();
    const users = await this.#database.selectFrom('desktops').select('image').execute();
    return rows.map((row) => toImage(row, users.filter((d) => d.image === row.name).length));
  }

  /** @throws Problem not_found */
  async get(name: string): Promise<Image> {
    const found = (await this.list()).find((image) => image.name === name);
    if (found === undefined) throw new Problem('not_found', `there is no image ${name}`);
    return found;
  }

  /** Reserves the name, takes the data in, checks it. Leaves nothing behind when it fails. @throws Problem, HostingError */
  async import(wanted: ImportImageQuery, { body, bytes, onProgress }: ImportBody): Promise<Image> {
    const { name, firmware } = wanted;
    const row: ImageRow = { name, firmware, disk_bytes: 0, sha256: '', created_at: this.#now(), phase: 'importing' };
    const reserved = await this.#database
      .insertInto('images')
      .values(row)
      .onConflict((c) => c.column('name').doNothing())
      .executeTakeFirst();
    if (reserved.numInsertedOrUpdatedRows === 0n) {
      throw new Problem('conflict', `there is an image ${name} already, or it is being imported at this moment`, {
        hint: 'Images never change: choose another name, such as one with a version in it.',
      });
    }
    try {
      const made = await this.#hosting.importImage({
        ...wanted,
        body,
        ...(bytes !== undefined && { bytes }),
        onProgress,
      });
      const ready = { disk_bytes: made.diskBytes, sha256: made.sha256, phase: 'ready' } as const;
      await this.#database.updateTable('images').set(ready).where('name', '=', name).execute();
      return toImage({ ...row, ...ready }, 0);
    } catch (error) {
      await this.#hosting.removeImage(name);
      await this.#database.deleteFrom('images').where('name', '=', name).execute();
      throw error;
    }
  }

  /** @throws Problem not_found, or conflict while desktops were made from it */
  async delete(name: string): Promise<void> {
    await this.#database.transaction().execute(async (db) => {
      const row = await db.selectFrom('images').selectAll().where('name', '=', name).executeTakeFirst();
      if (row === undefined || row.phase === 'importing') throw new Problem('not_found', `there is no image ${name}`);
      const desktops = await db.selectFrom('desktops').select('name').where('image', '=', name).execute();
      if (desktops.length > 0) {
        throw new Problem(
          'conflict',
          `desktops made from ${name} are there: ${desktops.map((d) => d.name).join(', ')}`,
          {
            hint: 'Delete these desktops first.',
          },
        );
      }
      await db.updateTable('images').set({ phase: 'deleting' }).where('name', '=', name).execute();
    });
    await this.#hosting.removeImage(name);
    await this.#database.deleteFrom('images').where('name', '=', name).execute();
  }

  /** After a restart: takes away what was half imported or half deleted. Returns a sentence for each failure. */
  async recover(): Promise<string[]> {
    const failures: string[] = [];
    const rows = await this.#database.selectFrom('images').selectAll().where('phase', '!=', 'ready').execute();
    for (const { name } of rows) {
      try {
        await this.#hosting.removeImage(name);
        await this.#database.deleteFrom('images').where('name', '=', name).execute();
      } catch (error) {
        failures.push(`what is left of image ${name} could not be removed: ${error}`);
      }
    }
    return failures;
  }
}

function toImage(row: ImageRow, desktops: number): Image {
  return {
    name: row.name,
    firmware: row.firmware,
    diskBytes: row.disk_bytes,
    sha256: row.sha256,
    createdAt: new Date(row.created_at).toISOString(),
    desktops,
  };
}
