/** Desktops on PCs: what people ask for, who may, and the pairs that make it so. */
import type { Logger } from 'pino';
import { messageOf } from '#common/errors.ts';
import type { MachineFacts } from '#common/protocol/client-server.ts';
import type { Attach, ChangeAttachment, Desktop, DesktopState, StartMove } from '#common/protocol/desktop.ts';
import type { HostNotice } from '#common/protocol/host-link.ts';
import type { Principal } from '../accounts/sessions.ts';
import type { Database } from '../database/open.ts';
import type { DesktopRow, PcRow } from '../database/schema.ts';
import { readSetting } from '../database/settings.ts';
import type { Hosting } from '../hosting.ts';
import type { Hosts, RemoteHost } from '../hosts/hosts.ts';
import { withLimits } from '../hosts/limits.ts';
import { recordOf } from '../inventory/record.ts';
import { Movers } from '../moves/mover.ts';
import { levelOf, Problem } from '../problem.ts';
import { consentFor, diskOfSession, MOVE_FIRST, pcSession } from './choose.ts';
import { Pair, type PairContext } from './pair.ts';
import { connected } from './plan.ts';
import { forceOffHeld, type Held, shutDownHeld, startHeld } from './power.ts';
import { asideText, whatIsLost } from './reclaim.ts';
import { AttachmentStore, type PairRecord, sameDisk } from './store.ts';
import { TIMING, type Timing } from './timing.ts';
import { pinnedDisks, stateOnPc, viewOf } from './view.ts';

export interface AttachmentsOptions {
  database: Database;
  hosting: Hosting;
  hosts: Hosts;
  log: Logger;
  /** ms since the epoch */
  now: () => number;
  /** The usual one unless given (tests). */
  timing?: Timing;
}

/** KiB a second that all resyncs together may use, as text; see the settings of the API. */
export const SYNC_LIMIT_SETTING = 'sync-limit-kibps';

export class Attachments {
  readonly store: AttachmentStore;
  readonly #options: AttachmentsOptions;
  readonly #context: PairContext;
  readonly #movers = new Movers();
  readonly #pairs = new Map<string, Pair>();
  readonly #heard = new Set<RemoteHost>();
  readonly #listeners = new Set<(id: string) => void>();
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  readonly #stop: (() => void)[];
  #pcs = new Map<string, PcRow>();
  #closed = false;

  constructor(options: AttachmentsOptions) {
    const { database, hosting, hosts, log, now, timing = TIMING } = options;
    this.#options = options;
    this.store = new AttachmentStore({ database, now });
    this.#context = {
      ...{ store: this.store, hosting, hosts, log, now, timing },
      server: withLimits(hosting.host, 'the server', timing.calls),
      limitOf: (record) => this.#limitOf(record),
      diskThere: (record) => this.#diskThere(record),
      onChange: (id, how) => this.#changed(id, how),
      onDetached: (pc) => this.#kickOthers(pc),
    };
    this.#stop = [
      hosts.onChange((host) => {
        void this.#linkChanged(host).catch((err) => log[levelOf(err)]({ err, pc: host.pc }, 'a PC came or went'));
      }),
      hosting.host.onNotice((notice) => this.#notice(notice, undefined)),
    ];
  }

  /** After a restart: whatever was cut off in the middle is put right. */
  async recover(): Promise<void> {
    await this.refreshPcs();
    const { database, hosts } = this.#options;
    const query = database.selectFrom('sessions').select(['id', 'user', 'pc', 'tunnel_address']).orderBy('created_at');
    for (const { id, user, pc, tunnel_address } of await query.execute()) {
      if (pc !== null && tunnel_address !== null)
        hosts.remember({ pc, user }, { sessionId: id, address: tunnel_address });
    }
    for (const id of await this.store.ids()) (await this.#pair(id))?.kick();
  }

  /** `listener` is called when something that people see of a desktop has changed; about once a second at most. */
  onChange(listener: (id: string) => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#stop) stop();
    this.#movers.close();
    for (const pair of this.#pairs.values()) pair.close();
    for (const timer of this.#waiting.values()) clearTimeout(timer);
  }

  /** Resolves when no desktop has anything under way. */
  async idle(): Promise<void> {
    await Promise.all([...this.#pairs.values()].map((pair) => pair.idle()));
  }

  /** Names, pins, limits or disks of PCs have changed. */
  async refreshPcs(): Promise<void> {
    const rows = await this.#options.database.selectFrom('pcs').selectAll().execute();
    this.#pcs = new Map(rows.map((row) => [row.uuid, row]));
  }

  /** A limit has changed, somewhere. */
  async limitsChanged(): Promise<void> {
    await this.refreshPcs();
    for (const pair of this.#pairs.values()) pair.kick();
  }

  /** Everything about PCs that is shown of a desktop. */
  viewOf(row: DesktopRow): Pick<Desktop, 'holder' | 'attachment' | 'move' | 'knownDisks'> {
    const pair = this.#pairs.get(row.id);
    const record = pair?.record;
    if (!pair || !record) {
      const pinned = pinnedDisks(this.#options.hosts.connectedOf(row.owner), [], this.#pcs);
      return pinned.length > 0 ? { knownDisks: pinned } : {};
    }
    const move = this.#movers.viewOf(pair);
    return { ...viewOf(pair, { ...record, desktop: row }, this.#pcs), ...(move && { move }) };
  }

  /** Of a desktop that a PC holds. */
  stateOnPc(row: DesktopRow): DesktopState {
    const pair = this.#pairs.get(row.id);
    return pair?.record ? stateOnPc(pair, { ...pair.record, desktop: row }) : { kind: 'off' };
  }

  /** @throws Problem */
  async attach(principal: Principal, row: DesktopRow, wanted: Attach): Promise<void> {
    const session = pcSession(principal, row);
    const pair = await this.#needPair(row.id);
    const record = await pair.reload();
    if (!record) throw new Problem('not_found', 'there is no such desktop');
    this.#notMoving(row);
    const disk = diskOfSession(session, wanted.disk, row);
    const { attachment } = record;
    if (attachment?.pc === session.pc && sameDisk(attachment, disk)) {
      if (wanted.limitKiBps !== undefined) await this.store.change(row.id, { limit_kibps: wanted.limitKiBps });
    } else {
      if (row.holder_pc !== null) throw new Problem('conflict', `${row.name} is on a PC now`, MOVE_FIRST);
      const before = await this.store.ofPc(session.pc);
      const about = { session, disk, confirmed: wanted.confirmed, ofPc: before, desktop: row.id };
      const consent = consentFor({ ...about, pc: this.#pcs.get(session.pc) });
      await this.store.attach({ desktop: row.id, pc: session.pc, disk, consent, limitKiBps: wanted.limitKiBps });
      for (const other of before) if (other.desktop !== row.id) (await this.#pair(other.desktop))?.letGo();
    }
    await pair.reload();
    pair.kick(true);
    this.#changed(row.id, 'at once');
  }

  /** @throws Problem conflict when it is not attached */
  async change(row: DesktopRow, { paused, limitKiBps }: ChangeAttachment): Promise<void> {
    const pair = await this.#attached(row);
    await this.store.change(row.id, {
      ...(paused !== undefined && { paused: paused ? 1 : 0 }),
      ...(limitKiBps !== undefined && { limit_kibps: limitKiBps }),
    });
    await pair.reload();
    pair.kick(true);
    this.#changed(row.id, 'at once');
  }

  /** Leaves cleanly; `forget`: and does not come back by itself. @throws Problem */
  async detach(row: DesktopRow, forget: boolean): Promise<void> {
    this.#notMoving(row);
    if (row.holder_pc !== null) throw new Problem('conflict', `${row.name} is on its PC now`, MOVE_FIRST);
    const pair = await this.#needPair(row.id);
    const record = await pair.reload();
    const leaving = record?.attachment ?? (forget ? record?.known[0] : undefined);
    if (!leaving) throw new Problem('conflict', `${row.name} has no disk on a PC`);
    if (forget) await this.store.forget(row.id, leaving.pc);
    else await this.store.change(row.id, { wanted: 'detached' });
    await pair.reload();
    pair.letGo();
    this.#changed(row.id, 'at once');
  }

  /** Answers as soon as it is under way. @throws Problem */
  async move(row: DesktopRow, { to }: StartMove): Promise<void> {
    const pair = await this.#needPair(row.id);
    const record = await pair.reload();
    if (!record) throw new Problem('not_found', 'there is no such desktop');
    this.#movers.start(pair, record, to);
  }

  /** @throws Problem */
  cancelMove(row: DesktopRow): void {
    this.#movers.cancel(row.id, row.name);
  }

  /** The server goes on with its own copy. @throws Problem; with what is lost, unless `generation` is the present one */
  async reclaim(row: DesktopRow, generation: number): Promise<void> {
    if (row.holder_pc === null) throw new Problem('conflict', `${row.name} is on the server already`);
    this.#notMoving(row);
    const pair = await this.#needPair(row.id);
    const record = await pair.reload();
    if (!record) throw new Problem('not_found', 'there is no such desktop');
    const pc = this.#pcs.get(row.holder_pc);
    const asOf = this.#copyAsOf(pair, row);
    const about = { row, pc: pc?.name ?? row.holder_pc, asOf, now: this.#context.now() };
    if (generation !== row.generation) {
      throw new Problem('conflict', whatIsLost(about), {
        hint: `To go on all the same, send generation ${row.generation}.`,
      });
    }
    await pair.alone(async () => {
      await this.store.takeBack(row.id, generation, asideText(about));
      const restored = await this.#restoreOwn(row);
      await this.store.notice(row.id, `${row.name} was taken back from ${about.pc}. ${asideText(about)}${restored}`);
    });
    await pair.putRight();
    this.#changed(row.id, 'at once');
  }

  /**
   * Switches a desktop on that a PC holds. Returns false when it is the server's after all: the PC was lost before it had
   * every block, so that the server has everything. @throws Problem
   */
  async startOnPc(row: DesktopRow): Promise<boolean> {
    this.#notMoving(row);
    return await startHeld(await this.#held(row));
  }

  /** @throws Problem */
  async shutDownOnPc(row: DesktopRow): Promise<void> {
    await shutDownHeld(await this.#held(row));
  }

  /** @throws Problem */
  async forceOffOnPc(row: DesktopRow): Promise<void> {
    this.#notMoving(row);
    await forceOffHeld(await this.#held(row));
  }

  /** A move, or what is left of one, must not be disturbed by switching on or off. @throws Problem */
  requireStill(row: DesktopRow): void {
    this.#notMoving(row);
  }

  /** It is going to be deleted: its PC gives the disk up first. @throws Problem when a PC holds it */
  async beforeDelete(row: DesktopRow): Promise<void> {
    this.#notMoving(row);
    if (row.holder_pc !== null) {
      throw new Problem('conflict', `${row.name} is on a PC now, with the newest copy`, {
        hint: 'Move it to the server first, or take it back: flexdeploy desktop reclaim.',
      });
    }
    const pair = this.#pairs.get(row.id);
    const record = await pair?.reload();
    if (!pair || !record) return;
    for (const known of record.known) await this.store.forget(row.id, known.pc);
    pair.letGo();
    await pair.idle();
    pair.close();
    this.#pairs.delete(row.id);
  }

  /** The server's last whole copy, should a newer one have been on its way. Returns what people must hear of it. */
  async #restoreOwn(row: DesktopRow): Promise<string> {
    try {
      await this.#options.hosting.restoreOwn(recordOf(row));
      return '';
    } catch (error) {
      this.#options.log.error({ err: error, desktop: row.id }, 'the copy of the server was not restored');
      return ` The copy of the server could not be made ready: ${messageOf(error)}`;
    }
  }

  async #held(row: DesktopRow): Promise<Held> {
    const pair = await this.#needPair(row.id);
    await pair.reload();
    return { pair, row, pcName: this.#pcs.get(row.holder_pc ?? '')?.name ?? 'a PC' };
  }

  /** Until when the server's copy is what the PC had; undefined: not known, or in the middle of being written. */
  #copyAsOf(pair: Pair, row: DesktopRow): number | undefined {
    const status = pair.serverDrbd;
    if (row.holder_complete === 0) return this.#context.now(); // protocol C: every write is here
    if (status && status.disk !== 'UpToDate' && status.disk !== 'Outdated' && status.disk !== 'Consistent')
      return undefined;
    if (connected(status)) return this.#context.now();
    const seen = row.holder_pc === null ? undefined : this.#pcs.get(row.holder_pc)?.last_seen_at;
    return Math.max(pair.host?.lastContactAt ?? 0, seen ?? 0, row.holder_since ?? 0);
  }

  async #attached(row: DesktopRow): Promise<Pair> {
    const pair = await this.#needPair(row.id);
    const record = await pair.reload();
    if (!record?.attachment) throw new Problem('conflict', `${row.name} has no disk on a PC`);
    return pair;
  }

  #notMoving(row: DesktopRow): void {
    if (this.#movers.isMoving(row.id))
      throw new Problem('conflict', `${row.name} is being moved`, { hint: 'Wait, or cancel it.' });
  }

  /** Undefined for a desktop that is not there, or not whole. */
  async #pair(id: string): Promise<Pair | undefined> {
    const there = this.#pairs.get(id);
    if (there) return there;
    const pair = new Pair(id, this.#context);
    if (!(await pair.reload()) || this.#closed) return undefined;
    const raced = this.#pairs.get(id);
    if (raced) return raced;
    this.#pairs.set(id, pair);
    return pair;
  }

  async #needPair(id: string): Promise<Pair> {
    const pair = await this.#pair(id);
    if (!pair) throw new Problem('not_found', 'there is no such desktop');
    return pair;
  }

  #notice(notice: HostNotice, from: RemoteHost | undefined): void {
    const pair = this.#pairs.get(notice.desktop);
    pair?.heard(notice, from);
    if (pair && !from && notice.notice === 'drbd' && !connected(notice.status)) this.#movers.disksParted(pair);
  }

  async #linkChanged(host: RemoteHost): Promise<void> {
    if (!this.#heard.has(host)) {
      this.#heard.add(host);
      host.onNotice((notice) => this.#notice(notice, host));
    }
    const { database, now, log } = this.#options;
    await database.updateTable('pcs').set({ last_seen_at: now() }).where('uuid', '=', host.pc).execute();
    await this.refreshPcs();
    const gone = host.address === undefined;
    for (const pair of this.#pairs.values()) {
      if (pair.record?.desktop.owner !== host.user) continue;
      if (pair.host === host) {
        this.#movers.linkChanged(pair);
        if (gone) pair.memory.disconnectedSince = now();
      }
      pair.linkChanged();
    }
    if (gone) return;
    // A desktop that is on this PC although nothing here remembers that: deleted, forgotten, or somebody else's.
    const { attached } = await host.inspect({}).catch(() => ({ attached: undefined }));
    if (!attached) return;
    const pair = await this.#pair(attached.desktop);
    if (pair?.record?.desktop.owner === host.user) {
      pair.kick();
      return;
    }
    log.warn({ pc: host.pc, desktop: attached.desktop }, 'a PC has a disk attached that is not its own to have');
    await host.endMachine({ desktop: attached.desktop });
    await host.detach({ desktop: attached.desktop, save: false });
  }

  #kickOthers(pc: string): void {
    for (const pair of this.#pairs.values()) if (pair.host?.pc === pc) pair.kick();
  }

  async #limitOf({ attachment, desktop }: PairRecord): Promise<number | undefined> {
    const pc = this.#pcs.get(desktop.holder_pc ?? attachment?.pc ?? '');
    const shared = Number(await readSetting(this.#options.database, SYNC_LIMIT_SETTING));
    const users = [...this.#pairs.values()].filter((p) => p.record?.attachment && p.host?.address !== undefined).length;
    const limits = [
      attachment?.limit_kibps,
      pc?.limit_kibps,
      shared > 0 ? Math.floor(shared / Math.max(1, users)) : null,
    ];
    const given = limits.filter((n): n is number => typeof n === 'number').map((n) => Math.max(1, n));
    return given.length > 0 ? Math.min(...given) : undefined;
  }

  async #diskThere(record: PairRecord): Promise<boolean> {
    const pc = record.desktop.holder_pc ?? record.attachment?.pc;
    const row = record.known.find((a) => a.pc === pc);
    const disks = JSON.parse(this.#pcs.get(pc ?? '')?.disks ?? '[]') as MachineFacts['disks'];
    return row !== undefined && disks.some((d) => sameDisk(row, d));
  }

  #changed(id: string, how: 'at once' | 'soon'): void {
    if (this.#closed) return;
    const timer = this.#waiting.get(id);
    if (how === 'soon') {
      if (!timer) this.#waiting.set(id, setTimeout(() => this.#tell(id), this.#context.timing.tellEveryMs).unref());
      return;
    }
    clearTimeout(timer);
    this.#tell(id);
  }

  #tell(id: string): void {
    this.#waiting.delete(id);
    for (const listener of this.#listeners) listener(id);
  }
}
