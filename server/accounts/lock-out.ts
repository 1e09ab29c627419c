import { isIPv6 } from 'node:net';
import type { Transaction } from 'kysely';
import type { Database } from '../database/open.ts';
import type { LoginFailureRow, Tables } from '../database/schema.ts';

interface Rule {
  /** Failures that are still free. */
  free: number;
  /** One failure is forgotten after this many milliseconds. */
  forgetMs: number;
}

/** Every failure over the free ones locks, twice as long each time: 1, 2, 4, 8, 15 minutes. */
const FIRST_LOCK_MS = 60_000;
const LONGEST_LOCK_MS = 15 * 60_000;

/** An account: forgotten only by a success or a quiet day. An address: many people may share one behind a NAT. */
const RULES: Record<'user' | 'address', Rule> = {
  user: { free: 4, forgetMs: 24 * 3600_000 },
  address: { free: 39, forgetMs: 15_000 },
};

/**
 * Counts failed log-ins by account and by address, durably. A try is counted as a failure *before* the password is
 * looked at, and taken back on success: so a hundred tries at once get no more chances than a hundred in a row.
 */
export class LockOut {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /**
   * Begins a try. `retryAfterSeconds` says that it must not even be made.
   * @param user the name as typed; undefined for tries that are about no account (set-up code)
   */
  async begin(user: string | undefined, address: string): Promise<{ retryAfterSeconds: number } | undefined> {
    const now = this.#now();
    const subjects = subjectsOf(user, address);
    return await this.#database.transaction().execute(async (db) => {
      const rows = await Promise.all(subjects.map((s) => readRow(db, s)));
      const lockedUntil = Math.max(...rows.map((r) => r?.locked_until ?? 0));
      if (lockedUntil > now) return { retryAfterSeconds: Math.ceil((lockedUntil - now) / 1000) };
      for (const [i, subject] of subjects.entries()) await upsert(db, failed(subject, rows[i], now));
      return undefined;
    });
  }

  /** The try was right: the account starts anew, the address gets this one try back. */
  async succeeded(user: string | undefined, address: string): Promise<void> {
    await this.#database.transaction().execute(async (db) => {
      if (user !== undefined) await db.deleteFrom('login_failures').where('subject', '=', `user ${user}`).execute();
      const row = await readRow(db, addressSubject(address));
      if (row === undefined) return;
      const failures = Math.max(0, row.failures - 1);
      const locked_until = failures <= RULES.address.free ? 0 : row.locked_until;
      await upsert(db, { ...row, failures, locked_until });
    });
  }

  /** An administrator unlocks an account. */
  async unlock(user: string): Promise<void> {
    await this.#database.deleteFrom('login_failures').where('subject', '=', `user ${user}`).execute();
  }

  /** Until when accounts are locked (ms since the epoch), by name. */
  async locked(): Promise<Map<string, number>> {
    const rows = await this.#database
      .selectFrom('login_failures')
      .selectAll()
      .where('locked_until', '>', this.#now())
      .where('subject', 'like', 'user %')
      .execute();
    return new Map(rows.map((r) => [r.subject.slice('user '.length), r.locked_until]));
  }

  /** Forgets what is too old to matter. */
  async sweep(): Promise<void> {
    const old = this.#now() - RULES.user.forgetMs;
    await this.#database.deleteFrom('login_failures').where('last_failure_at', '<', old).execute();
  }
}

function failed(subject: string, row: LoginFailureRow | undefined, now: number): LoginFailureRow {
  const { free, forgetMs } = subject.startsWith('user ') ? RULES.user : RULES.address;
  const elapsed = Math.max(0, now - (row?.last_failure_at ?? now));
  // A lock is no time in which failures are forgotten: what counts is the quiet time after it.
  const forgotten = subject.startsWith('user ')
    ? elapsed >= forgetMs
      ? Number.POSITIVE_INFINITY
      : 0
    : elapsed / forgetMs;
  const failures = Math.max(0, (row?.failures ?? 0) - forgotten) + 1;
  const over = Math.floor(failures) - free;
  const lock = over <= 0 ? 0 : Math.min(LONGEST_LOCK_MS, FIRST_LOCK_MS * 2 ** (over - 1));
  return { subject, failures, last_failure_at: now, locked_until: lock === 0 ? 0 : now + lock };
}

function subjectsOf(user: string | undefined, address: string): string[] {
  const subject = addressSubject(address);
  return user === undefined ? [subject] : [`user ${user}`, subject];
}

/** An IPv6 subscriber has a whole /64 to try from. */
function addressSubject(address: string): string {
  const plain = address.replace(/%.*$/, '');
  if (!isIPv6(plain)) return `address ${plain}`;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - left.length - right.length)).fill('0');
  return `address ${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}

async function readRow(db: Transaction<Tables>, subject: string): Promise<LoginFailureRow | undefined> {
  return await db.selectFrom('login_failures').selectAll().where('subject', '=', subject).executeTakeFirst();
}

async function upsert(db: Transaction<Tables>, row: LoginFailureRow): Promise<void> {
  const { subject: _, ...rest } = row;
  await db
    .insertInto('login_failures')
    .values(row)
    .onConflict((c) => c.column('subject').doUpdateSet(rest))
    .execute();
}
