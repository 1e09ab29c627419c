import type { ChangePc, MachineFacts, Pc } from '#common/protocol/client-server.ts';
import type { Database } from '../database/open.ts';
import type { PcRow } from '../database/schema.ts';
import { Problem } from '../problem.ts';

/** DMI UUIDs that many boards share: never set, or the vendor's example (systemd and libvirt know the same ones). */
const NO_UUIDS = [/^(0{8}|f{8})-/, /^03000200-0400-0500-0006-000700080009$/, /^12345678-1234-5678-90ab-cddeefaabbcc$/];

/**
 * What a PC is called for ever: its DMI UUID, else the lowest address of its network cards (one that
 * is not locally administered, if there is one). Undefined when it has neither: such a PC can be worked at, but never gets a desktop's disk.
 */
export function pcIdOf(machine: Pick<MachineFacts, 'uuid' | 'macs'>): string | undefined {
  const uuid = machine.uuid.trim().toLowerCase();
  const given = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid) && !NO_UUIDS.some((bad) => bad.test(uuid));
  if (given) return uuid;
  const macs = machine.macs
    .map((m) => m.trim().toLowerCase())
    .filter((m) => /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(m) && m !== '00:00:00:00:00:00')
    .sort();
  const mac = macs.find((m) => !/^.[2367abef]/.test(m)) ?? macs[0];
  return mac === undefined ? undefined : `mac-${mac.replaceAll(':', '')}`;
}

/** The PCs that have logged in, and what an administrator decided about them. */
export class Pcs {
  readonly #database: Database;
  readonly #now: () => number;

  constructor({ database, now }: { database: Database; now: () => number }) {
    this.#database = database;
    this.#now = now;
  }

  async list(): Promise<Pc[]> {
    return (await this.#database.selectFrom('pcs').selectAll().orderBy('name').orderBy('uuid').execute()).map(toPc);
  }

  async row(uuid: string): Promise<PcRow | undefined> {
    return await this.#database.selectFrom('pcs').selectAll().where('uuid', '=', uuid).executeTakeFirst();
  }

  /** A PC has logged in. Returns its id, or undefined when it cannot be told from others. */
  async seen(machine: MachineFacts): Promise<string | undefined> {
    const uuid = pcIdOf(machine);
    if (uuid === undefined) return undefined;
    const values = { name: machine.name, last_seen_at: this.#now(), disks: JSON.stringify(machine.disks) };
    await this.#database
      .insertInto('pcs')
      .values({ uuid, ...values, pins: '[]', limit_kibps: null })
      .onConflict((c) => c.column('uuid').doUpdateSet(values))
      .execute();
    return uuid;
  }

  async lastContact(uuid: string, at: number): Promise<void> {
    await this.#database.updateTable('pcs').set({ last_seen_at: at }).where('uuid', '=', uuid).execute();
  }

  /** @throws Problem not_found */
  async change(uuid: string, { pins, limitKiBps }: ChangePc): Promise<Pc> {
    const set = {
      ...(pins !== undefined && { pins: JSON.stringify([...new Set(pins)]) }),
      ...(limitKiBps !== undefined && { limit_kibps: limitKiBps }),
    };
    if (Object.keys(set).length > 0) {
      await this.#database.updateTable('pcs').set(set).where('uuid', '=', uuid).execute();
    }
    const row = await this.row(uuid);
    if (row === undefined) throw new Problem('not_found', 'there is no such PC', { hint: 'GET pcs lists them.' });
    return toPc(row);
  }
}

export function pinsOf(row: PcRow): string[] {
  return JSON.parse(row.pins) as string[];
}

function toPc(row: PcRow): Pc {
  return {
    uuid: row.uuid,
    name: row.name,
    lastSeenAt: new Date(row.last_seen_at).toISOString(),
    disks: JSON.parse(row.disks) as Pc['disks'],
    pins: pinsOf(row),
    ...(row.limit_kibps !== null && { limitKiBps: row.limit_kibps }),
  };
}
