import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, Migrator } from 'kysely';
import t from 'tap';
import { migrations } from '../../server/database/migrations.ts';
import { nodeSqliteDialect } from '../../server/database/node-sqlite.ts';
import { openDatabase } from '../../server/database/open.ts';

t.test('what decides is on disk when it was answered: synchronous is FULL, and the journal a WAL', async (t) => {
  const dialect = nodeSqliteDialect(join(t.testdir(), 'db.sqlite'));
  const database = new Kysely<{
    pragma_synchronous: { synchronous: number };
    pragma_journal_mode: { journal_mode: string };
  }>({
    dialect,
  });
  t.teardown(() => database.destroy());
  t.same(await database.selectFrom('pragma_synchronous').selectAll().execute(), [{ synchronous: 2 }]);
  t.same(await database.selectFrom('pragma_journal_mode').selectAll().execute(), [{ journal_mode: 'wal' }]);
});

t.test('a database of the first version is brought up to date with everything in it', async (t) => {
  const path = join(t.testdir(), 'db.sqlite');
  const old = new Kysely<never>({ dialect: nodeSqliteDialect(path) });
  const [first] = Object.keys(migrations);
  const provider = { getMigrations: async () => migrations };
  const { error } = await new Migrator({ db: old, provider }).migrateTo(String(first));
  t.equal(error, undefined);
  await old.destroy();
  const plain = new DatabaseSync(path);
  plain.exec(`insert into users values ('ana', '', 'user', '', 1);
    insert into images values ('i1', 'bios', 5, '', 1, 'ready');
    insert into sessions values ('s1', 'ana', 'h', 1, 2, 3, 'p', null, 'key', '10.86.0.2')`);
  for (const [id, at] of [
    ['b', 2],
    ['a', 1],
    ['c', 2],
  ]) {
    const values = `'${id}', 'd-${id}', 'ana', 'i1', 'bios', 512, 1, 5, ${at}, 'ready'`;
    plain.exec(`insert into desktops values (${values})`);
  }
  plain.close();
  const database = await openDatabase(path);
  t.teardown(() => database.destroy());
  const desktops = await database.selectFrom('desktops').selectAll().orderBy('minor').execute();
  t.same(
    desktops.map((d) => [d.id, d.minor, d.holder_pc, d.generation]),
    [
      ['a', 1, null, 0],
      ['b', 2, null, 0],
      ['c', 3, null, 0],
    ],
    'numbered by age',
  );
  t.match(await database.selectFrom('sessions').selectAll().execute(), [
    { id: 's1', pc: null, tunnel_address: '10.86.0.2' },
  ]);
});

t.test('one PC a desktop, and one desktop a PC: the database refuses anything else', async (t) => {
  const database = await openDatabase(join(t.testdir(), 'db.sqlite'));
  t.teardown(() => database.destroy());
  await database
    .insertInto('users')
    .values({ name: 'ana', display_name: '', role: 'user', password_hash: '', created_at: 1 })
    .execute();
  await database
    .insertInto('images')
    .values({ name: 'i1', firmware: 'bios', disk_bytes: 5, sha256: '', created_at: 1, phase: 'ready' })
    .execute();
  for (const [minor, id] of ['a', 'b'].entries()) {
    await database
      .insertInto('desktops')
      .values({
        ...{
          id,
          name: id,
          owner: 'ana',
          image: 'i1',
          firmware: 'bios',
          memory_mib: 1,
          cpus: 1,
          disk_bytes: 5,
          created_at: 1,
        },
        ...{
          phase: 'ready',
          minor,
          holder_pc: null,
          holder_since: null,
          holder_complete: 0,
          generation: 0,
          pairing: 0,
        },
        ...{ notice_at: null, notice_text: null },
      })
      .execute();
  }
  for (const uuid of ['p', 'q']) {
    await database
      .insertInto('pcs')
      .values({ uuid, name: uuid, last_seen_at: 1, disks: '[]', pins: '[]', limit_kibps: null })
      .execute();
  }
  const attach = (desktop: string, pc: string) =>
    database
      .insertInto('attachments')
      .values({
        ...{
          desktop,
          pc,
          serial: 's',
          wwn: '',
          model: '',
          disk_bytes: 5,
          wanted: 'attached',
          written: 0,
          whole: 0,
          compare: 0,
        },
        ...{ renew: 0, paused: 0, limit_kibps: null, secret: 'x', consent: '{}', used_at: 1, saved: null },
        ...{ saved_pairing: null, aside_at: null, aside_text: null },
      })
      .execute();
  await attach('a', 'p');
  await t.rejects(attach('a', 'q'), /UNIQUE/);
  await t.rejects(attach('b', 'p'), /UNIQUE/);
  await attach('b', 'q');
});
