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
};
