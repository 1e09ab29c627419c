import { open } from 'node:fs/promises';
import { Kysely, Migrator } from 'kysely';
import { messageOf, UserError } from '#common/errors.ts';
import { migrations } from './migrations.ts';
import { nodeSqliteDialect } from './node-sqlite.ts';
import type { Tables } from './schema.ts';

export type Database = Kysely<Tables>;

/**
 * Opens the database, creates it when missing, and brings its tables up to date.
 * @throws UserError when the file cannot be used, or was written by a newer version
 */
export async function openDatabase(path: string): Promise<Database> {
  const where = { hint: `The database is ${path}. Restore a copy, or use the version of FlexDeploy that wrote it.` };
  let database: Database;
  try {
    await open(path, 'a', 0o600).then((file) => file.close()); // SQLite itself would let everybody read it
    database = new Kysely<Tables>({ dialect: nodeSqliteDialect(path) });
  } catch (cause) {
    throw new UserError(`the database cannot be opened: ${messageOf(cause)}`, { ...where, cause });
  }
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    await database.destroy();
    throw new UserError(`the database cannot be brought up to date: ${messageOf(error)}`, { ...where, cause: error });
  }
  return database;
}
