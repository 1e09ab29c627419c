import type { CreateDesktop, Desktop, DesktopState, ViewerTicket } from '#common/protocol/client-server.ts';
import type { Principal } from '../accounts/sessions.ts';
import { newId } from '../accounts/tokens.ts';
import type { Database } from '../database/open.ts';
import type { DesktopRow } from '../database/schema.ts';
import type { DesktopRecord, Hosting } from '../hosting.ts';
import { Problem } from '../problem.ts';

const DEFAULT_MEMORY_MIB = 2048;
const DEFAULT_CPUS = 2;

export type DesktopChange = { kind: 'changed'; desktop: Desktop } | { kind: 'removed'; id: string; owner: string };

export interface DesktopsOptions {
  database: Database;
  hosting: Hosting;
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
  readonly #now: () => number;
  readonly #listeners = new Set<(change: DesktopChange) => void>();
  readonly #beingDeleted = new Set<string>();

  /** Stops listening to the hosting. */
  readonly close: () => void;

  constructor({ database, hosting, now, onError }: DesktopsOptions) {
    this.#database = database;
    this.#hosting = hosting;
    this.#now = now;
    this.close = hosting.onChange((id) => {
      this.#changed(id).catch(onError);
    });
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
      };
      await db.insertInto('desktops').values(values).execute();
      return values;
    });
    try {
      await this.#hosting.create(toRecord(row));
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
    await this.#hosting.start(toRecord(row));
    return this.#toDesktop(row);
  }

  /** Asks the guest to shut down. @throws Problem, HostingError */
  async shutDown(principal: Principal, id: string): Promise<Desktop> {
    const row = await this.#usable(principal, id);
    await this.#hosting.shutDown(id);
    return this.#toDesktop(row);
  }

  /** Cuts its power. @throws Problem, HostingError */
  async forceOff(principal: Principal, id: string): Promise<Desktop> {
    const row = await this.#usable(principal, id);
    await this.#hosting.forceOff(id);
    return this.#toDesktop(row);
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
    return await this.#hosting.ticketFor(row.id, address);
  }

  /** Deletes a desktop with its disk; it is forced off first. @throws Problem, HostingError */
  async delete(principal: Principal, id: string): Promise<void> {
    const row = await this.#row(principal, id);
    if (this.#beingDeleted.has(id)) throw new Problem('conflict', `${row.name} is being deleted already`);
    this.#beingDeleted.add(id);
    try {
      await this.#database.updateTable('desktops').set({ phase: 'deleting' }).where('id', '=', id).execute();
      await this.#hosting.remove(id);
      await this.#database.deleteFrom('desktops').where('id', '=', id).execute();
    } finally {
      this.#beingDeleted.delete(id);
    }
    this.#tell({ kind: 'removed', id, owner: row.owner });
  }

  /** For {@link Hosting.recover}: what is there, whole. */
  async records(): Promise<DesktopRecord[]> {
    const rows = await this.#database.selectFrom('desktops').selectAll().where('phase', '=', 'ready').execute();
    return rows.map(toRecord);
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
    if (row?.phase === 'ready') this.#tell({ kind: 'changed', desktop: this.#toDesktop(row) });
  }

  #tell(change: DesktopChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #state(row: DesktopRow): DesktopState {
    if (row.phase === 'ready') return this.#hosting.desktopState(row.id);
    const at = new Date(this.#now()).toISOString();
    if (this.#beingDeleted.has(row.id)) return { kind: 'stopping', since: at };
    return { kind: 'failed', at, reason: 'its deletion did not finish; delete it again' };
  }

  #toDesktop(row: DesktopRow): Desktop {
    return { ...toRecord(row), createdAt: new Date(row.created_at).toISOString(), state: this.#state(row) };
  }
}

function toRecord(row: DesktopRow): DesktopRecord {
  return {
    id: row.id,
    name: row.name,
    owner: row.owner,
    image: row.image,
    firmware: row.firmware,
    memoryMiB: row.memory_mib,
    cpus: row.cpus,
    diskBytes: row.disk_bytes,
  };
}
