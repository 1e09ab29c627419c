import type { ViewerTicket } from '#common/protocol/client-server.ts';
import type {
  Attach,
  ChangeAttachment,
  CreateDesktop,
  Desktop,
  DesktopState,
  StartMove,
} from '#common/protocol/desktop.ts';
import type { Principal } from '../accounts/sessions.ts';
import { newId } from '../accounts/tokens.ts';
import type { Attachments } from '../attachments/attachments.ts';
import type { Database } from '../database/open.ts';
import type { DesktopRow } from '../database/schema.ts';
import type { DesktopRecord, Hosting } from '../hosting.ts';
import { Problem } from '../problem.ts';
import { recordOf } from './record.ts';

const DEFAULT_MEMORY_MIB = 2048;
const DEFAULT_CPUS = 2;
/** TCP ports are counted from it: 20000 + minor (DRBD) and 40000 + minor (a desktop that arrives). */
const LAST_MINOR = 19_999;

export type DesktopChange = { kind: 'changed'; desktop: Desktop } | { kind: 'removed'; id: string; owner: string };

export interface DesktopsOptions {
  database: Database;
  hosting: Hosting;
  attachments: Attachments;
  /** ms since the epoch */
  now: () => number;
  /** Told of what went wrong where nobody waits for an answer. */
  onError: (error: unknown) => void;
}

/**
 * The desktops there are, and who may do what with them. A row is written before the disk is made and deleted after the
 * disk is gone; its `phase` says so, and {@link recover} finishes what a kill left in between.
 */
export class Desktops {
  readonly #database: Database;
  readonly #hosting: Hosting;
  readonly #attachments: Attachments;
  readonly #now: () => number;
  readonly #listeners = new Set<(change: DesktopChange) => void>();
  readonly #beingDeleted = new Set<string>();
  /** What was told last of each desktop, as JSON. */
  readonly #lastTold = new Map<string, string>();

  /** Stops listening to the hosting. */
  readonly close: () => void;

  constructor({ database, hosting, attachments, now, onError }: DesktopsOptions) {
    this.#database = database;
    this.#hosting = hosting;
    this.#attachments = attachments;
    this.#now = now;
    const changed = (id: string) => void this.#changed(id).catch(onError);
    this.close = hosting.onChange(changed);
    attachments.onChange(changed);
  }

  /** `listener` is called when a desktop was made, changed its state, or was deleted. */
  onChange(listener: (change: DesktopChange) => void): void {
    this.#listeners.add(listener);
  }

  /** What this person may see. */
  async list(principal: Principal): Promise<Desktop[]> {
    let query = this.#database.selectFrom('desktops').selectAll().where('phase', '!=', 'creating');
    if (principal.role !== 'admin') query = query.where('owner', '=', principal.user);
    return (await query.orderBy('name').execute()).map((row) => this.#toDesktop(row));
  }

  /** @throws Problem not_found, also for one that this person may not see */
  async get(principal: Principal, id: string): Promise<Desktop> {
    return this.#toDesktop(await this.#row(principal, id));
  }

  /** Makes a desktop from a golden image. @throws Problem conflict, not_found; HostingError */
  async create(wanted: CreateDesktop): Promise<Desktop> {
    const row = await this.#database.transaction().execute(async (db) => {
      const image = await db.selectFrom('images').selectAll().where('name', '=', wanted.image).executeTakeFirst();
      if (image?.phase !== 'ready') throw new Problem('not_found', `there is no image ${wanted.image}`);
      const owner = await db.selectFrom('users').select('name').where('name', '=', wanted.owner).executeTakeFirst();
      if (owner === undefined) throw new Problem('not_found', `there is no user ${wanted.owner}`);
      const same = await db.selectFrom('desktops').select('id').where('name', '=', wanted.name).executeTakeFirst();
      if (same !== undefined) throw new Problem('conflict', `there is a desktop ${wanted.name} already`);
      const values: DesktopRow = {
        id: newId(),
        name: wanted.name,
        owner: wanted.owner,
        image: wanted.image,
        firmware: image.firmware,
        memory_mib: wanted.memoryMiB ?? DEFAULT_MEMORY_MIB,
        cpus: wanted.cpus ?? DEFAULT_CPUS,
        disk_bytes: image.disk_bytes,
        created_at: this.#now(),
        phase: 'creating',
        minor: await freeMinor(db),
        ...{ holder_pc: null, holder_since: null, holder_complete: 0, generation: 0, pairing: 0 },
        ...{ notice_at: null, notice_text: null },
      };
      await db.insertInto('desktops').values(values).execute();
      return values;
    });
    try {
      await this.#hosting.create(recordOf(row));
    } catch (error) {
      await this.#hosting.remove(row.id);
      await this.#database.deleteFrom('desktops').where('id', '=', row.id).execute();
      throw error;
    }
    await this.#database.updateTable('desktops').set({ phase: 'ready' }).where('id', '=', row.id).execute();
    const desktop = this.#toDesktop({ ...row, phase: 'ready' });
    this.#tell({ kind: 'changed', desktop });
    return desktop;
  }

  /** Resolves as soon as it is starting. @throws Problem, HostingError */
  async start(principal: Principal, id: string): Promise<Desktop> {
    const row = await this.#usable(principal, id);
    this.#attachments.requireStill(row);
    const onPc = row.holder_pc !== null && (await this.#attachments.startOnPc(row));
    if (!onPc) await this.#hosting.start(recordOf(row));
    return await this.get(principal, id);
  }

  /** Asks the guest to shut down. @throws Problem, HostingError */
  async shutDown(principal: Principal, id: string): Promise<Desktop> {
    const row = await this.#usable(principal, id);
    if (row.holder_pc === null) await this.#hosting.shutDown(id);
    else await this.#attachments.shutDownOnPc(row);
    return await this.get(principal, id);
  }

  /** Cuts its power. @throws Problem, HostingError */
  async forceOff(principal: Principal, id: string): Promise<Desktop> {
    const row = await this.#usable(principal, id);
    this.#attachments.requireStill(row);
    if (row.holder_pc === null) await this.#hosting.forceOff(id);
    else await this.#attachments.forceOffOnPc(row);
    return await this.get(principal, id);
  }

  /** A ticket for the screen, for the tunnel of the session that asks. @throws Problem, HostingError */
  async ticket(principal: Principal, id: string): Promise<ViewerTicket> {
    const row = await this.#usable(principal, id);
    const address = principal.kind === 'session' ? principal.session.tunnel_address : null;
    if (address === null) {
      throw new Problem('conflict', 'this session has no tunnel, and screens are only shown inside one', {
        hint: 'Log in on a PC that was started from the FlexDeploy medium.',
      });
    }
    if (row.holder_pc !== null) {
      throw new Problem('conflict', `${row.name} is on a PC now, and so is its screen`, {
        hint: 'Go on working there.',
      });
    }
    return await this.#hosting.ticketFor(row.id, address);
  }

  /** Keeps it on the disk of the PC that asks, too. @throws Problem */
  async attach(principal: Principal, id: string, wanted: Attach): Promise<Desktop> {
    await this.#attachments.attach(principal, await this.#usable(principal, id), wanted);
    return await this.get(principal, id);
  }

  /** Pauses it, lets it go on, limits it. @throws Problem */
  async changeAttachment(principal: Principal, id: string, wanted: ChangeAttachment): Promise<Desktop> {
    await this.#attachments.change(await this.#usable(principal, id), wanted);
    return await this.get(principal, id);
  }

  /** Leaves its PC cleanly. `forget`: the disk is not taken again without a question. @throws Problem */
  async detach(principal: Principal, id: string, forget: boolean): Promise<Desktop> {
    await this.#attachments.detach(await this.#usable(principal, id), forget);
    return await this.get(principal, id);
  }

  /** Answers as soon as it is under way. @throws Problem */
  async move(principal: Principal, id: string, wanted: StartMove): Promise<Desktop> {
    await this.#attachments.move(await this.#usable(principal, id), wanted);
    return await this.get(principal, id);
  }

  /** @throws Problem when there is no move, or it is too late */
  async cancelMove(principal: Principal, id: string): Promise<Desktop> {
    this.#attachments.cancelMove(await this.#usable(principal, id));
    return await this.get(principal, id);
  }

  /** Takes it back from a PC that is lost. @throws Problem */
  async reclaim(principal: Principal, id: string, generation: number): Promise<Desktop> {
    await this.#attachments.reclaim(await this.#usable(principal, id), generation);
    return await this.get(principal, id);
  }

  /** Deletes a desktop with its disk; it is forced off first. @throws Problem, HostingError */
  async delete(principal: Principal, id: string): Promise<void> {
    const row = await this.#row(principal, id);
    if (this.#beingDeleted.has(id)) throw new Problem('conflict', `${row.name} is being deleted already`);
    this.#beingDeleted.add(id);
    try {
      await this.#attachments.beforeDelete(row);
      await this.#database.updateTable('desktops').set({ phase: 'deleting' }).where('id', '=', id).execute();
      await this.#hosting.remove(id);
      await this.#database.deleteFrom('desktops').where('id', '=', id).execute();
    } finally {
      this.#beingDeleted.delete(id);
    }
    this.#lastTold.delete(id);
    this.#tell({ kind: 'removed', id, owner: row.owner });
  }

  /** For {@link Hosting.recover}: what is there, whole. */
  async records(): Promise<DesktopRecord[]> {
    const rows = await this.#database.selectFrom('desktops').selectAll().where('phase', '=', 'ready').execute();
    return rows.map(recordOf);
  }

  /** After a restart: takes away what was half made or half deleted. Returns a sentence for each failure. */
  async recover(): Promise<string[]> {
    const failures: string[] = [];
    const rows = await this.#database.selectFrom('desktops').selectAll().where('phase', '!=', 'ready').execute();
    for (const row of rows) {
      try {
        await this.#hosting.remove(row.id);
        await this.#database.deleteFrom('desktops').where('id', '=', row.id).execute();
      } catch (error) {
        failures.push(`what is left of desktop ${row.name} could not be removed: ${error}`);
      }
    }
    return failures;
  }

  async #row(principal: Principal, id: string): Promise<DesktopRow> {
    const row = await this.#database.selectFrom('desktops').selectAll().where('id', '=', id).executeTakeFirst();
    const visible = row !== undefined && row.phase !== 'creating';
    if (!visible || (principal.role !== 'admin' && row.owner !== principal.user)) {
      throw new Problem('not_found', 'there is no such desktop');
    }
    return row;
  }

  async #usable(principal: Principal, id: string): Promise<DesktopRow> {
    const row = await this.#row(principal, id);
    if (row.phase === 'ready') return row;
    throw new Problem('conflict', `${row.name} is being deleted`);
  }

  async #changed(id: string): Promise<void> {
    const row = await this.#database.selectFrom('desktops').selectAll().where('id', '=', id).executeTakeFirst();
    if (row?.phase !== 'ready') return;
    const desktop = this.#toDesktop(row);
    // DRBD's counters change all the time, and most of that nobody sees.
    const text = JSON.stringify(desktop);
    if (this.#lastTold.get(id) === text) return;
    this.#lastTold.set(id, text);
    this.#tell({ kind: 'changed', desktop });
  }

  #tell(change: DesktopChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #state(row: DesktopRow): DesktopState {
    if (row.phase === 'ready') {
      return row.holder_pc === null ? this.#hosting.desktopState(row.id) : this.#attachments.stateOnPc(row);
    }
    const at = new Date(this.#now()).toISOString();
    if (this.#beingDeleted.has(row.id)) return { kind: 'stopping', since: at };
    return { kind: 'failed', at, reason: 'its deletion did not finish; delete it again' };
  }

  #toDesktop(row: DesktopRow): Desktop {
    const { minor: _, ...shown } = recordOf(row);
    const { notice_at, notice_text } = row;
    return {
      ...shown,
      createdAt: new Date(row.created_at).toISOString(),
      state: this.#state(row),
      ...this.#attachments.viewOf(row),
      ...(notice_at !== null && { notice: { at: new Date(notice_at).toISOString(), text: notice_text ?? '' } }),
    };
  }
}

/** The first number that no desktop has; what was deleted gives its number back. */
async function freeMinor(db: Database): Promise<number> {
  const rows = await db.selectFrom('desktops').select('minor').orderBy('minor').execute();
  const taken = new Set(rows.map((r) => r.minor));
  let minor = 1;
  while (taken.has(minor)) minor += 1;
  if (minor > LAST_MINOR) throw new Problem('unavailable', 'this server has as many desktops as it can have');
  return minor;
}
