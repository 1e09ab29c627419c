import type { ChangeUser, CreateUser, Role, User } from '#common/protocol/client-server.ts';
import type { Database } from '../database/open.ts';
import type { UserRow } from '../database/schema.ts';
import { Problem } from '../problem.ts';
import type { LockOut } from './lock-out.ts';
import { hashPassword, PasswordQueueFullError, verifyPassword } from './password.ts';

export interface UsersOptions {
  database: Database;
  lockOut: LockOut;
  /** ms since the epoch */
  now: () => number;
}

/** The accounts: who there is, with which role and password. */
export class Users {
  readonly #database: Database;
  readonly #lockOut: LockOut;
  readonly #now: () => number;

  constructor({ database, lockOut, now }: UsersOptions) {
    this.#database = database;
    this.#lockOut = lockOut;
    this.#now = now;
  }

  async list(): Promise<User[]> {
    const rows = await this.#database.selectFrom('users').selectAll().orderBy('name').execute();
    const locked = await this.#lockOut.locked();
    return rows.map((row) => toUser(row, locked));
  }

  /** @throws Problem not_found */
  async get(name: string): Promise<User> {
    return toUser(await this.#row(name), await this.#lockOut.locked());
  }

  /** @throws Problem conflict when the name is taken */
  async create(user: CreateUser): Promise<User> {
    const password_hash = await busy(hashPassword(user.password));
    return await this.#insert({
      name: user.name,
      display_name: user.displayName ?? user.name,
      role: user.role ?? 'user',
      password_hash,
      created_at: this.#now(),
    });
  }

  /** Is there an administrator yet? Before, the set-up code makes one. */
  async hasAdministrator(): Promise<boolean> {
    return (await this.#administrators(this.#database)) > 0;
  }

  /** Makes the first administrator; of two at the same time, one wins. @throws Problem conflict */
  async createFirstAdministrator(name: string, password: string): Promise<User> {
    const password_hash = await busy(hashPassword(password));
    const row: UserRow = { name, display_name: name, role: 'admin', password_hash, created_at: this.#now() };
    return await this.#database.transaction().execute(async (db) => {
      if ((await this.#administrators(db)) > 0) throw new Problem('conflict', 'the set-up was done already');
      await db.insertInto('users').values(row).execute();
      return toUser(row, new Map());
    });
  }

  /** @throws Problem not_found, or conflict when it would leave no administrator */
  async change(name: string, change: ChangeUser): Promise<User> {
    await this.#database.transaction().execute(async (db) => {
      const row = await db.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
      if (row === undefined) throw noSuchUser(name);
      if (row.role === 'admin' && change.role === 'user') await this.#notTheLast(db);
      const set = { display_name: change.displayName ?? row.display_name, role: change.role ?? row.role };
      await db.updateTable('users').set(set).where('name', '=', name).execute();
    });
    return await this.get(name);
  }

  /** @throws Problem not_found */
  async setPassword(name: string, password: string): Promise<void> {
    const password_hash = await busy(hashPassword(password));
    const result = await this.#database
      .updateTable('users')
      .set({ password_hash })
      .where('name', '=', name)
      .executeTakeFirst();
    if (result.numUpdatedRows === 0n) throw noSuchUser(name);
    await this.#lockOut.unlock(name);
  }

  /** @throws Problem not_found */
  async unlock(name: string): Promise<User> {
    await this.#row(name);
    await this.#lockOut.unlock(name);
    return await this.get(name);
  }

  /**
   * Deletes an account and its sessions; returns their ids.
   * @throws Problem not_found, or conflict while it owns desktops or is the last administrator
   */
  async delete(name: string): Promise<string[]> {
    const ended = await this.#database.transaction().execute(async (db) => {
      const row = await db.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
      if (row === undefined) throw noSuchUser(name);
      const desktops = await db.selectFrom('desktops').select('name').where('owner', '=', name).execute();
      if (desktops.length > 0) {
        throw new Problem('conflict', `${name} still owns ${desktops.map((d) => d.name).join(', ')}`, {
          hint: 'Delete these desktops first.',
        });
      }
      if (row.role === 'admin') await this.#notTheLast(db);
      const sessions = await db.selectFrom('sessions').select('id').where('user', '=', name).execute();
      await db.deleteFrom('sessions').where('user', '=', name).execute();
      await db.deleteFrom('users').where('name', '=', name).execute();
      return sessions.map((s) => s.id);
    });
    await this.#lockOut.unlock(name);
    return ended;
  }

  /**
   * Checks a password, with lock-out.
   * @param typed the name as typed: capitals and spaces around it do not matter
   * @throws Problem wrong_login, locked_out
   */
  async authenticate(typed: string, password: string, address: string): Promise<UserRow> {
    const name = typed.trim().toLowerCase();
    const locked = await this.#lockOut.begin(name, address);
    if (locked) {
      throw new Problem('locked_out', 'too many failed log-ins', {
        ...locked,
        hint: `Wait ${waitText(locked.retryAfterSeconds)}, or ask an administrator to unlock the account.`,
      });
    }
    const row = await this.#database.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
    if (!(await busy(verifyPassword(row?.password_hash, password))) || row === undefined) {
      throw new Problem('wrong_login', 'the name or the password is wrong');
    }
    await this.#lockOut.succeeded(name, address);
    return row;
  }

  async #row(name: string): Promise<UserRow> {
    const row = await this.#database.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
    if (row === undefined) throw noSuchUser(name);
    return row;
  }

  async #insert(row: UserRow): Promise<User> {
    const result = await this.#database
      .insertInto('users')
      .values(row)
      .onConflict((c) => c.column('name').doNothing())
      .executeTakeFirst();
    if (result.numInsertedOrUpdatedRows === 0n) throw new Problem('conflict', `there is a user ${row.name} already`);
    return toUser(row, new Map());
  }

  async #administrators(db: Database): Promise<number> {
    const rows = await db.selectFrom('users').select('name').where('role', '=', 'admin').execute();
    return rows.length;
  }

  async #notTheLast(db: Database): Promise<void> {
    if ((await this.#administrators(db)) > 1) return;
    throw new Problem('conflict', 'this is the last administrator', { hint: 'Make another administrator first.' });
  }
}

function toUser(row: UserRow, locked: Map<string, number>): User {
  const until = locked.get(row.name);
  return {
    name: row.name,
    displayName: row.display_name,
    role: row.role as Role,
    createdAt: new Date(row.created_at).toISOString(),
    ...(until !== undefined && { lockedUntil: new Date(until).toISOString() }),
  };
}

function noSuchUser(name: string): Problem {
  return new Problem('not_found', `there is no user ${name}`);
}

/** `1 minute`, `90 seconds` and so on, for the hint of a lock-out. */
function waitText(seconds: number): string {
  return seconds > 90 ? `${Math.ceil(seconds / 60)} minutes` : `${seconds} seconds`;
}

/** A full queue of passwords to check is "later", not a bug. */
async function busy<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof PasswordQueueFullError)) throw cause;
    throw new Problem('too_many_requests', 'too many people are logging in at this moment', {
      retryAfterSeconds: 2,
      cause,
    });
  }
}
