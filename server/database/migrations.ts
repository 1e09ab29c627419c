import { type Kysely, type Migration, sql } from 'kysely';

/** Every change of the tables, oldest first. What was released is never edited: add another one. */
export const migrations: Record<string, Migration> = {
  '2026-11-22-first': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('users')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('display_name', 'text', (c) => c.notNull())
        .addColumn('role', 'text', (c) => c.notNull().check(sql`role in ('admin', 'user')`))
        .addColumn('password_hash', 'text', (c) => c.notNull())
        .addColumn('created_at', 'integer', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('sessions')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('user', 'text', (c) => c.notNull().references('users.name').onDelete('restrict'))
        .addColumn('token_hash', 'text', (c) => c.notNull().unique())
        .addColumn('created_at', 'integer', (c) => c.notNull())
        .addColumn('expires_at', 'integer', (c) => c.notNull())
        .addColumn('last_seen_at', 'integer', (c) => c.notNull())
        .addColumn('peer', 'text', (c) => c.notNull())
        .addColumn('machine', 'text')
        .addColumn('tunnel_public_key', 'text', (c) => c.unique())
        .addColumn('tunnel_address', 'text', (c) => c.unique())
        .execute();
      await db.schema
        .createTable('images')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('firmware', 'text', (c) => c.notNull().check(sql`firmware in ('bios', 'uefi')`))
        .addColumn('disk_bytes', 'integer', (c) => c.notNull())
        .addColumn('sha256', 'text', (c) => c.notNull())
        .addColumn('created_at', 'integer', (c) => c.notNull())
        .addColumn('phase', 'text', (c) => c.notNull().check(sql`phase in ('importing', 'ready', 'deleting')`))
        .execute();
      await db.schema
        .createTable('desktops')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('name', 'text', (c) => c.notNull().unique())
        .addColumn('owner', 'text', (c) => c.notNull().references('users.name').onDelete('restrict'))
        .addColumn('image', 'text', (c) => c.notNull().references('images.name').onDelete('restrict'))
        .addColumn('firmware', 'text', (c) => c.notNull().check(sql`firmware in ('bios', 'uefi')`))
        .addColumn('memory_mib', 'integer', (c) => c.notNull())
        .addColumn('cpus', 'integer', (c) => c.notNull())
        .addColumn('disk_bytes', 'integer', (c) => c.notNull())
        .addColumn('created_at', 'integer', (c) => c.notNull())
        .addColumn('phase', 'text', (c) => c.notNull().check(sql`phase in ('creating', 'ready', 'deleting')`))
        .execute();
      await db.schema.createIndex('desktops_owner').on('desktops').column('owner').execute();
      await db.schema
        .createTable('login_failures')
        .addColumn('subject', 'text', (c) => c.primaryKey())
        .addColumn('failures', 'real', (c) => c.notNull())
        .addColumn('last_failure_at', 'integer', (c) => c.notNull())
        .addColumn('locked_until', 'integer', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('settings')
        .addColumn('key', 'text', (c) => c.primaryKey())
        .addColumn('value', 'text', (c) => c.notNull())
        .execute();
    },
  },
  '2026-11-22-pairs': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema.alterTable('sessions').addColumn('pc', 'text').execute();
      await addHolder(db);
      await db.schema
        .createTable('pcs')
        .addColumn('uuid', 'text', (c) => c.primaryKey())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('last_seen_at', 'integer', (c) => c.notNull())
        .addColumn('disks', 'text', (c) => c.notNull())
        .addColumn('pins', 'text', (c) => c.notNull().defaultTo('[]'))
        .addColumn('limit_kibps', 'integer')
        .execute();
      await db.schema
        .createTable('attachments')
        .addColumn('desktop', 'text', (c) => c.notNull().references('desktops.id').onDelete('cascade'))
        .addColumn('pc', 'text', (c) => c.notNull().references('pcs.uuid').onDelete('restrict'))
        .addColumn('serial', 'text', (c) => c.notNull())
        .addColumn('wwn', 'text', (c) => c.notNull())
        .addColumn('model', 'text', (c) => c.notNull())
        .addColumn('disk_bytes', 'integer', (c) => c.notNull())
        .addColumn('wanted', 'text', (c) => c.notNull().check(sql`wanted in ('attached', 'detached')`))
        .addColumn('written', 'integer', (c) => c.notNull().check(sql`written in (0, 1)`))
        .addColumn('compare', 'integer', (c) => c.notNull().check(sql`compare in (0, 1)`))
        .addColumn('renew', 'integer', (c) => c.notNull().check(sql`renew in (0, 1)`))
        .addColumn('paused', 'integer', (c) => c.notNull().check(sql`paused in (0, 1)`))
        .addColumn('limit_kibps', 'integer')
        .addColumn('secret', 'text', (c) => c.notNull())
        .addColumn('consent', 'text', (c) => c.notNull())
        .addColumn('used_at', 'integer', (c) => c.notNull())
        .addColumn('saved', 'blob')
        .addColumn('saved_pairing', 'integer')
        .addColumn('aside_at', 'integer')
        .addColumn('aside_text', 'text')
        .addPrimaryKeyConstraint('attachments_key', ['desktop', 'pc'])
        .execute();
      // One PC a desktop, and one desktop a PC.
      for (const column of ['desktop', 'pc'] as const) {
        await db.schema
          .createIndex(`attachments_one_${column}`)
          .unique()
          .on('attachments')
          .column(column)
          .where(sql.ref('wanted'), '=', sql.lit('attached'))
          .execute();
      }
    },
  },
  '2026-11-22-whole': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .alterTable('attachments')
        .addColumn('whole', 'integer', (c) => c.notNull().defaultTo(0))
        .execute();
    },
  },
};

/** DRBD's minor number for every desktop, and who holds it; what there is already is numbered by age. */
async function addHolder(db: Kysely<unknown>): Promise<void> {
  const desktops = db.schema.alterTable('desktops');
  await desktops.addColumn('minor', 'integer', (c) => c.notNull().defaultTo(0)).execute();
  await sql`update desktops set minor = (select n from
    (select id, row_number() over (order by created_at, id) as n from desktops) as numbered
    where numbered.id = desktops.id)`.execute(db);
  await db.schema.createIndex('desktops_minor').unique().on('desktops').column('minor').execute();
  await desktops.addColumn('holder_pc', 'text').execute();
  await desktops.addColumn('holder_since', 'integer').execute();
  await desktops.addColumn('holder_complete', 'integer', (c) => c.notNull().defaultTo(0)).execute();
  await desktops.addColumn('generation', 'integer', (c) => c.notNull().defaultTo(0)).execute();
  await desktops.addColumn('pairing', 'integer', (c) => c.notNull().defaultTo(0)).execute();
  await desktops.addColumn('notice_at', 'integer').execute();
  await desktops.addColumn('notice_text', 'text').execute();
}
