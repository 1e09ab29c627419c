import type { MachineFacts, Role, ServerEvent, Session, TunnelConfig } from '#common/protocol/client-server.ts';
import type { Database } from '../database/open.ts';
import type { SessionRow } from '../database/schema.ts';
import type { Hosting, TunnelRequest } from '../hosting.ts';
import type { Pcs } from '../inventory/pcs.ts';
import { hashToken, newId, newToken } from './tokens.ts';

/** A session lasts as long as it is used, and this long after; and never longer than the second. */
const IDLE_MS = 12 * 3600_000;
const LONGEST_MS = 7 * 24 * 3600_000;
/** "Last seen" is written at most this often. */
const TOUCH_MS = 60_000;

export type EndReason = Extract<ServerEvent, { type: 'sessionEnded' }>['reason'];

/** Who makes a request. The server's own token (`local`) is an administrator without an account or a session. */
export type Principal =
  | { kind: 'local'; user: 'root'; role: 'admin' }
  | { kind: 'session'; user: string; role: Role; session: SessionRow };

export interface NewSession {
  user: string;
  peer: string;
  machine?: MachineFacts | undefined;
  tunnelPublicKey?: string | undefined;
}

export interface SessionsOptions {
  database: Database;
  hosting: Hosting;
  pcs: Pcs;
  /** ms since the epoch */
  now: () => number;
}

/** Sessions: who is logged in from where, until when, and with which tunnel. */
export class Sessions {
  readonly #database: Database;
  readonly #hosting: Hosting;
  readonly #pcs: Pcs;
  readonly #now: () => number;
  #tunnels: Promise<unknown> = Promise.resolve();
  readonly #endListeners = new Set<(sessionId: string, reason: EndReason) => void>();

  constructor({ database, hosting, pcs, now }: SessionsOptions) {
    this.#database = database;
    this.#hosting = hosting;
    this.#pcs = pcs;
    this.#now = now;
  }

  /** `listener` is called when a session ended. */
  onEnd(listener: (sessionId: string, reason: EndReason) => void): void {
    this.#endListeners.add(listener);
  }

  /**
   * Makes a session. A PC (with a tunnel key) has one at a time: an older one with the same key, or of the same person at
   * the same PC, is ended first.
   * Leaves nothing behind when the tunnel cannot be made.
   */
  async open(wanted: NewSession): Promise<{ token: string; session: SessionRow; tunnel?: TunnelConfig }> {
    const now = this.#now();
    const token = newToken();
    const session: SessionRow = {
      id: newId(),
      user: wanted.user,
      token_hash: hashToken(token),
      created_at: now,
      expires_at: now + IDLE_MS,
      last_seen_at: now,
      peer: wanted.peer,
      machine: wanted.machine === undefined ? null : JSON.stringify(wanted.machine),
      tunnel_public_key: wanted.tunnelPublicKey ?? null,
      tunnel_address: null,
      pc: (wanted.machine && wanted.tunnelPublicKey && (await this.#pcs.seen(wanted.machine))) ?? null,
    };
    const publicKey = wanted.tunnelPublicKey;
    if (publicKey === undefined) {
      await this.#database.insertInto('sessions').values(session).execute();
      return { token, session };
    }
    const turn = this.#tunnels.then(() => this.#openWithTunnel(token, session, publicKey));
    this.#tunnels = turn.catch(() => {});
    return await turn;
  }

  /** One at a time: of two log-ins with the same key, the older tunnel is down before the newer one comes up. */
  async #openWithTunnel(token: string, session: SessionRow, publicKey: string) {
    await this.#replaceAndInsert(session, publicKey);
    try {
      const tunnel = await this.#hosting.openTunnel({ sessionId: session.id, publicKey });
      const tunnel_address = tunnel.address;
      const kept = await this.#database
        .updateTable('sessions')
        .set({ tunnel_address })
        .where('id', '=', session.id)
        .executeTakeFirst();
      if (kept.numUpdatedRows === 0n) throw new Error('the session was ended while its tunnel came up');
      return { token, session: { ...session, tunnel_address }, tunnel };
    } catch (error) {
      await this.#database.deleteFrom('sessions').where('id', '=', session.id).execute();
      await this.#hosting.closeTunnel(session.id);
      throw error;
    }
  }

  /** The session a token belongs to, with the role its user has now; undefined when it is unknown or over. */
  async find(token: string): Promise<Principal | undefined> {
    const row = await this.#database
      .selectFrom('sessions')
      .innerJoin('users', 'users.name', 'sessions.user')
      .selectAll('sessions')
      .select('users.role')
      .where('token_hash', '=', hashToken(token))
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const { role, ...session } = row;
    if (session.expires_at <= this.#now() && !(await this.#holds(session))) {
      await this.end(session.id, 'expired');
      return undefined;
    }
    await this.touch(session);
    return { kind: 'session', user: session.user, role, session };
  }

  /** The session is in use: moves its end, now and then. Changes `session` as well. */
  async touch(session: SessionRow): Promise<void> {
    const now = this.#now();
    if (now - session.last_seen_at < TOUCH_MS) return;
    session.last_seen_at = now;
    const longest = (await this.#holds(session)) ? now + IDLE_MS : session.created_at + LONGEST_MS;
    session.expires_at = Math.min(now + IDLE_MS, longest);
    const { last_seen_at, expires_at } = session;
    await this.#database
      .updateTable('sessions')
      .set({ last_seen_at, expires_at })
      .where('id', '=', session.id)
      .execute();
  }

  /** The sessions of one user, or all. */
  async list(user?: string): Promise<Session[]> {
    let query = this.#database.selectFrom('sessions').selectAll().where('expires_at', '>', this.#now());
    if (user !== undefined) query = query.where('user', '=', user);
    return (await query.orderBy('created_at').execute()).map(toSession);
  }

  /** The row of a session, or undefined. */
  async row(id: string): Promise<SessionRow | undefined> {
    return await this.#database.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst();
  }

  /** Ends a session: its token is worthless at once, its tunnel comes down, its event streams are told. */
  async end(id: string, reason: EndReason): Promise<void> {
    const result = await this.#database.deleteFrom('sessions').where('id', '=', id).executeTakeFirst();
    if (result.numDeletedRows === 0n) return;
    await this.#gone(id, reason);
  }

  /** Ends every session of a user, but not `exceptId`. */
  async endAllOf(user: string, reason: EndReason, exceptId?: string): Promise<void> {
    const rows = await this.#database.selectFrom('sessions').select('id').where('user', '=', user).execute();
    for (const { id } of rows) if (id !== exceptId) await this.end(id, reason);
  }

  /** Ends what has expired. */
  async sweep(): Promise<void> {
    const now = this.#now();
    const rows = await this.#database.selectFrom('sessions').selectAll().where('expires_at', '<=', now).execute();
    for (const row of rows) await this.expire(row);
  }

  /**
   * Ends a session that is over by time, or whose PC is not heard of any more. Not if that PC holds a desktop of its
   * person: it comes back when its link does, however long that takes, and then goes on with what it has.
   */
  async expire(session: SessionRow): Promise<void> {
    if (!(await this.#holds(session))) await this.end(session.id, 'expired');
  }

  async #holds({ pc, user }: SessionRow): Promise<boolean> {
    if (pc === null) return false;
    const query = this.#database.selectFrom('desktops').select('id').where('holder_pc', '=', pc);
    return (await query.where('owner', '=', user).executeTakeFirst()) !== undefined;
  }

  /**
   * After a restart: sessions whose log-in was cut in the middle are forgotten (nobody ever got their token);
   * the tunnels of all others are to be there.
   */
  async recover(): Promise<Required<TunnelRequest>[]> {
    await this.#database
      .deleteFrom('sessions')
      .where((eb) => eb.and([eb('tunnel_public_key', 'is not', null), eb('tunnel_address', 'is', null)]))
      .execute();
    const expired = this.#database.selectFrom('sessions').selectAll().where('expires_at', '<=', this.#now());
    for (const row of await expired.execute()) {
      if (!(await this.#holds(row))) await this.#database.deleteFrom('sessions').where('id', '=', row.id).execute();
    }
    const rows = await this.#database.selectFrom('sessions').selectAll().execute();
    return rows.flatMap((r) =>
      r.tunnel_public_key !== null && r.tunnel_address !== null
        ? [{ sessionId: r.id, publicKey: r.tunnel_public_key, address: r.tunnel_address }]
        : [],
    );
  }

  async #replaceAndInsert(session: SessionRow, publicKey: string): Promise<void> {
    const replaced = await this.#database.transaction().execute(async (db) => {
      const older = await db
        .selectFrom('sessions')
        .select('id')
        .where((eb) =>
          eb.or([
            eb('tunnel_public_key', '=', publicKey),
            ...(session.pc === null ? [] : [eb.and([eb('pc', '=', session.pc), eb('user', '=', session.user)])]),
          ]),
        )
        .execute();
      const ids = older.map((o) => o.id);
      if (ids.length > 0) await db.deleteFrom('sessions').where('id', 'in', ids).execute();
      await db.insertInto('sessions').values(session).execute();
      return older;
    });
    for (const { id } of replaced) await this.#gone(id, 'replaced');
  }

  /** Sessions whose rows are gone already: the rest of {@link end}. */
  async ended(ids: readonly string[], reason: EndReason): Promise<void> {
    for (const id of ids) await this.#gone(id, reason);
  }

  async #gone(id: string, reason: EndReason): Promise<void> {
    for (const listener of this.#endListeners) listener(id, reason);
    await this.#hosting.closeTunnel(id);
  }
}

export function toSession(row: SessionRow): Session {
  const machine = row.machine === null ? undefined : (JSON.parse(row.machine) as MachineFacts);
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    id: row.id,
    user: row.user,
    createdAt: iso(row.created_at),
    expiresAt: iso(row.expires_at),
    lastSeenAt: iso(row.last_seen_at),
    peer: row.peer,
    ...(machine !== undefined && { machineName: machine.name }),
    ...(row.tunnel_address !== null && { tunnelAddress: row.tunnel_address }),
  };
}
