import type { Database } from './open.ts';

/** A setting that was stored, or undefined. */
export async function readSetting(database: Database, key: string): Promise<string | undefined> {
  const row = await database.selectFrom('settings').select('value').where('key', '=', key).executeTakeFirst();
  return row?.value;
}

export async function writeSetting(database: Database, key: string, value: string): Promise<void> {
  await database
    .insertInto('settings')
    .values({ key, value })
    .onConflict((c) => c.column('key').doUpdateSet({ value }))
    .execute();
}

export async function deleteSetting(database: Database, key: string): Promise<void> {
  await database.deleteFrom('settings').where('key', '=', key).execute();
}
