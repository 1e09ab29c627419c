/** Attachments and holders in the database. Everything that decides is one transaction, on disk when it returns. */
import { randomBytes } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import type { Consent, SavedMetadata } from '#common/protocol/host-link.ts';
import type { Database } from '../database/open.ts';
import type { AttachmentRow, DesktopRow } from '../database/schema.ts';
import { Problem } from '../problem.ts';

/** A desktop with everything that decides where its disk may be written. */
export interface PairRecord {
  desktop: DesktopRow;
  /** The PC it is to be kept on; undefined: none. */
  attachment: AttachmentRow | undefined;
  /** Rows of all PCs that it was ever kept on, the attached one among them. */
  known: AttachmentRow[];
}

export interface NewAttachment {
  desktop: string;
  pc: string;
  disk: DiskIdentity;
  consent: Consent;
  limitKiBps: number | undefined;
}

const MOVE_FIRST = { hint: 'Move it to the server first.' };

export class AttachmentStore {
  readonly #database: Database;
  readonly #now: () => number;

  constructor({ database, now }: { database: Database; now: () => number }) {
    this.#database = database;
    this.#now = now;
  }

  /** Undefined for a desktop that is not there, or not whole. */
  async read(id: string): Promise<PairRecord | undefined> {
    const desktop = await this.#database.selectFrom('desktops').selectAll().where('id', '=', id).executeTakeFirst();
    if (desktop?.phase !== 'ready') return undefined;
    const known = await this.#database
      .selectFrom('attachments')
      .selectAll()
      .where('desktop', '=', id)
      .orderBy('used_at', 'desc')
      .execute();
    return { desktop, known, attachment: known.find((a) => a.wanted === 'attached') };
  }

  /** Desktops whose disk is, or was, on a PC. */
  async ids(): Promise<string[]> {
    const rows = await this.#database.selectFrom('attachments').select('desktop').distinct().execute();
    return rows.map((r) => r.desktop);
  }

  /** Every row of a disk's PC, of all desktops. */
  async ofPc(pc: string): Promise<AttachmentRow[]> {
    return await this.#database.selectFrom('attachments').selectAll().where('pc', '=', pc).execute();
  }

  /** Desktops that this PC holds for this person. */
  async heldBy(pc: string, user: string): Promise<string[]> {
    const rows = await this.#database
      .selectFrom('desktops')
      .select('id')
      .where('holder_pc', '=', pc)
      .where('owner', '=', user)
      .execute();
    return rows.map((r) => r.id);
  }

  /**
   * The desktop is to be kept on this PC. Another PC it was attached to, and another desktop on this PC, are to be
   * detached; what was saved for this disk under another desktop is worth nothing any more.
   */
  async attach({ desktop, pc, disk, consent, limitKiBps }: NewAttachment): Promise<void> {
    await this.#database.transaction().execute(async (db) => {
      const held = await db.selectFrom('desktops').selectAll().where('holder_pc', 'is not', null).execute();
      const onThisPc = held.find((d) => d.holder_pc === pc && d.id !== desktop);
      const elsewhere = held.find((d) => d.holder_pc !== pc && d.id === desktop);
      if (onThisPc) throw new Problem('conflict', `this PC holds ${onThisPc.name}`, MOVE_FIRST);
      if (elsewhere) throw new Problem('conflict', `${elsewhere.name} is on another PC now`, MOVE_FIRST);
      await db
        .updateTable('attachments')
        .set({ wanted: 'detached' })
        .where((eb) => eb.or([eb('desktop', '=', desktop), eb('pc', '=', pc)]))
        .where('wanted', '=', 'attached')
        .execute();
      const identity = { serial: disk.serial, wwn: disk.wwn, model: disk.model, disk_bytes: disk.bytes };
      const old = await db
        .selectFrom('attachments')
        .selectAll()
        .where('desktop', '=', desktop)
        .where('pc', '=', pc)
        .executeTakeFirst();
      const same = old && sameDisk(old, disk) ? old : undefined;
      const values = {
        ...identity,
        wanted: 'attached' as const,
        written: same?.written ?? (0 as const),
        whole: same?.whole ?? (0 as const),
        compare: same?.compare ?? (0 as const), // as it is: DRBD refuses to change it during a resync
        renew: 0 as const,
        paused: 0 as const,
        limit_kibps: limitKiBps ?? null,
        secret: newSecret(),
        consent: JSON.stringify(consent),
        used_at: this.#now(),
        ...(same ? {} : { saved: null, saved_pairing: null }),
        ...{ aside_at: null, aside_text: null },
      };
      await db
        .insertInto('attachments')
        .values({ desktop, pc, saved: null, saved_pairing: null, ...values })
        .onConflict((c) => c.columns(['desktop', 'pc']).doUpdateSet(values))
        .execute();
    });
  }

  /** Changes what is wanted of the PC that is attached. */
  async change(desktop: string, set: Partial<Pick<AttachmentRow, 'paused' | 'limit_kibps' | 'wanted'>>): Promise<void> {
    await this.#database
      .updateTable('attachments')
      .set(set)
      .where('desktop', '=', desktop)
      .where('wanted', '=', 'attached')
      .execute();
  }

  /**
   * The PC is about to be told to attach: from now on this disk may be overwritten, so what other desktops remember of
   * it goes. What it saved itself is given once and not again: from here on its end goes on from there. Unless it gets
   * that (`restores`), what any PC has saved is worth nothing, since the server's DRBD begins anew with this one.
   */
  async begin(desktop: string, pc: string, restores: boolean): Promise<void> {
    await this.#database.transaction().execute(async (db) => {
      const row = await db
        .selectFrom('attachments')
        .selectAll()
        .where('desktop', '=', desktop)
        .where('pc', '=', pc)
        .executeTakeFirstOrThrow();
      // The same disk in another PC too: whatever it held, it will not for long.
      const others = await db.selectFrom('attachments').selectAll().where('wanted', '=', 'detached').execute();
      for (const other of others.filter((o) => o.desktop !== desktop && sameDisk(o, diskOf(row)))) {
        const there = db.deleteFrom('attachments').where('desktop', '=', other.desktop);
        await there.where('pc', '=', other.pc).where('wanted', '=', 'detached').execute();
      }
      await db
        .updateTable('attachments')
        .set({ saved: null, saved_pairing: null, renew: 0, compare: row.whole, used_at: this.#now() })
        .where('desktop', '=', desktop)
        .where('pc', '=', pc)
        .execute();
      if (!restores) await raisePairing(db, desktop);
    });
  }

  /** The PC has the disk attached: it holds this desktop from now on. `how`: which metadata it took. */
  async attached(desktop: string, pc: string, how: 'new' | 'restored' | 'kept'): Promise<void> {
    await this.#database.transaction().execute(async (db) => {
      await db
        .updateTable('attachments')
        .set({ written: 1, used_at: this.#now() })
        .where('desktop', '=', desktop)
        .where('pc', '=', pc)
        .execute();
      if (how === 'new') await raisePairing(db, desktop);
    });
  }

  /** The PC's disk has every block. */
  async sawWhole(desktop: string, pc: string): Promise<void> {
    await this.#database
      .updateTable('attachments')
      .set({ whole: 1 })
      .where('desktop', '=', desktop)
      .where('pc', '=', pc)
      .execute();
  }

  /** What the PC's end left when it went cleanly. */
  async save(desktop: string, pc: string, saved: SavedMetadata): Promise<void> {
    await this.#database.transaction().execute(async (db) => {
      const { pairing } = await db
        .selectFrom('desktops')
        .select('pairing')
        .where('id', '=', desktop)
        .executeTakeFirstOrThrow();
      await db
        .updateTable('attachments')
        .set({ saved: zstdCompressSync(JSON.stringify(saved)), saved_pairing: pairing })
        .where('desktop', '=', desktop)
        .where('pc', '=', pc)
        .execute();
    });
  }

  /** The server's end begins anew, with nothing: what was saved before does not fit, and everything is compared. */
  async discarding(desktop: string, pc: string): Promise<void> {
    await this.#database.transaction().execute(async (db) => {
      await raisePairing(db, desktop);
      await db
        .updateTable('attachments')
        .set({ compare: 1 })
        .where('desktop', '=', desktop)
        .where('pc', '=', pc)
        .execute();
    });
  }

  /**
   * THE hand-over: from here on `to` holds the desktop, whatever dies. Durable when it returns (`synchronous=FULL`, see
   * node-sqlite.ts). Refused when somebody else has changed the holder since `generation` was read.
   * @returns the new generation
   */
  async handOver(
    desktop: string,
    { generation, to }: { generation: number; to: { pc: string; complete: boolean } | 'server' },
  ): Promise<number> {
    const next = generation + 1;
    const holder =
      to === 'server'
        ? { holder_pc: null, holder_since: null, holder_complete: 0 as const }
        : { holder_pc: to.pc, holder_since: this.#now(), holder_complete: to.complete ? (1 as const) : (0 as const) };
    const { numUpdatedRows } = await this.#database
      .updateTable('desktops')
      .set({ ...holder, generation: next })
      .where('id', '=', desktop)
      .where('generation', '=', generation)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) throw new Problem('conflict', 'the desktop was handed over meanwhile');
    return next;
  }

  /** The PC that holds the desktop has every block: it may go on alone from now on. Durable before the PC is told. */
  async markComplete(desktop: string, generation: number): Promise<void> {
    await this.#database
      .updateTable('desktops')
      .set({ holder_complete: 1 })
      .where('id', '=', desktop)
      .where('generation', '=', generation)
      .where('holder_pc', 'is not', null)
      .execute();
  }

  /**
   * The server takes the desktop back from a PC that does not run it (any more), and goes on with its own copy. What the
   * PC knows to talk to us is worth nothing from then on. `aside`: its disk may hold what the server lacks, and is put
   * aside with these words; without, it stays attached.
   * @returns the new generation
   */
  async takeBack(desktop: string, generation: number, aside: string | undefined): Promise<number> {
    return await this.#database.transaction().execute(async (db) => {
      const next = generation + 1;
      const row = await db.selectFrom('desktops').selectAll().where('id', '=', desktop).executeTakeFirst();
      if (row === undefined || row.generation !== generation || row.holder_pc === null) {
        throw new Problem('conflict', 'the desktop was handed over meanwhile');
      }
      const put = { wanted: 'detached', aside_at: this.#now(), aside_text: aside ?? null } as const;
      await db
        .updateTable('attachments')
        .set({
          secret: newSecret(),
          renew: 1,
          saved: null,
          saved_pairing: null,
          ...(aside !== undefined && put),
        })
        .where('desktop', '=', desktop)
        .where('pc', '=', row.holder_pc)
        .execute();
      await db
        .updateTable('desktops')
        .set({ holder_pc: null, holder_since: null, holder_complete: 0, generation: next, pairing: row.pairing + 1 })
        .where('id', '=', desktop)
        .execute();
      return next;
    });
  }

  /** Nothing of this desktop is to be on any disk of this PC: the choice is forgotten, with what was saved. */
  async forget(desktop: string, pc: string): Promise<void> {
    await this.#database.deleteFrom('attachments').where('desktop', '=', desktop).where('pc', '=', pc).execute();
  }

  /** A sentence about the last thing that did not work; null: all is well again. */
  async notice(desktop: string, text: string | null): Promise<void> {
    await this.#database
      .updateTable('desktops')
      .set({ notice_text: text, notice_at: text === null ? null : this.#now() })
      .where('id', '=', desktop)
      .execute();
  }
}

export function diskOf(row: AttachmentRow): DiskIdentity {
  return { serial: row.serial, wwn: row.wwn, model: row.model, bytes: row.disk_bytes };
}

export function sameDisk(row: AttachmentRow, disk: DiskIdentity): boolean {
  return row.serial === disk.serial && row.wwn === disk.wwn && row.disk_bytes === disk.bytes;
}

/** What the PC left, if it still fits the server's end. */
export function savedOf(row: AttachmentRow, pairing: number): SavedMetadata | undefined {
  if (row.saved === null || row.saved_pairing !== pairing) return undefined;
  return JSON.parse(zstdDecompressSync(row.saved).toString()) as SavedMetadata;
}

/** 32 random bytes; DRBD takes up to 63 characters. */
function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

async function raisePairing(db: Database, desktop: string): Promise<void> {
  await db
    .updateTable('desktops')
    .set((eb) => ({ pairing: eb('pairing', '+', 1) }))
    .where('id', '=', desktop)
    .execute();
}
