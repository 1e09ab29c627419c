/** The server's own orchestration, put on a {@link World}: it can die at any moment and start again from its database. */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { diskSize } from '#common/drbd/resource.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import type { MachineFacts } from '#common/protocol/client-server.ts';
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import type { DrbdStatus, HostCallName, HostNotice, MachineState } from '#common/protocol/host-link.ts';
import type { Principal } from '../../../server/accounts/sessions.ts';
import { Attachments } from '../../../server/attachments/attachments.ts';
import type { Timing } from '../../../server/attachments/timing.ts';
import { type Database, openDatabase } from '../../../server/database/open.ts';
import type { DesktopRow, SessionRow } from '../../../server/database/schema.ts';
import { Hosts } from '../../../server/hosts/hosts.ts';
import { CALL_LIMITS, type CallLimits } from '../../../server/hosts/limits.ts';
import { MemoryHosting } from './memory-hosting.ts';
import { type Fault, World } from './sim-world.ts';

export const DESKTOP = '0123456789abcdef';
export const PC = '11111111-2222-3333-4444-555555555555';
export const DISK: DiskIdentity = { serial: 'DISK-A', wwn: '', model: 'Test', bytes: 10_000_000 };
const DISK_BYTES = diskSize(5_000_000);

/** Milliseconds; everything that waits for minutes in life waits for a moment here. */
const limits = Object.fromEntries(Object.keys(CALL_LIMITS).map((call) => [call, 25])) as CallLimits;
const TIMING: Timing = {
  retryMs: [3, 5, 10],
  reconnectMs: 10,
  tellEveryMs: 5,
  lostAfterMs: 5,
  readyMs: 20,
  quietMs: 5,
  move: { stalled: 200, copying: 400, arriving: 30, look: 1 },
  calls: { ...limits, migrateTo: undefined },
};

const machine: MachineFacts = {
  ...{ uuid: PC, name: 'pc-1', firmware: 'uefi', secureBoot: false, cpuModel: '', cpus: 2, kvm: true },
  ...{ memoryKiB: 8_000_000, macs: [], version: '1' },
  disks: [{ name: 'sda', ...DISK, removable: false }],
};

class SimHosting extends MemoryHosting {
  override readonly host: DesktopHost;
  readonly #world: World;
  readonly #alive: () => boolean;

  readonly #listeners = new Set<(notice: HostNotice) => void>();

  constructor(world: World, host: DesktopHost, alive: () => boolean) {
    super();
    this.#world = world;
    this.host = {
      ...host,
      onNotice: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
    this.#alive = alive;
    this.disks.add(DESKTOP);
  }

  noticeAll(notice: HostNotice): void {
    for (const listener of this.#listeners) listener(notice);
  }

  override machineState(): MachineState {
    return this.#world.server.machine;
  }

  override drbdStatus(): DrbdStatus | undefined {
    return this.#world.status(this.#world.server);
  }

  override async discardOwn(_: unknown, resource?: string): Promise<void> {
    if (!this.#alive()) return await new Promise(() => {});
    this.#world.discardOwn(resource ?? '');
  }

  override async start(): Promise<void> {
    const { server } = this.#world;
    if (server.machine.kind !== 'none') return;
    await this.host.setRole({ desktop: DESKTOP, role: 'primary' });
    await this.host.startMachine({ desktop: { id: DESKTOP } as never });
  }
}

/** One life of the server process. */
interface Process {
  attachments: Attachments;
  hosts: Hosts;
  hosting: SimHosting;
  database: Database;
  alive: boolean;
  link: ReturnType<Hosts['connect']> | undefined;
}

export class Life {
  readonly world = new World();
  readonly #path = join(tmpdir(), `flexdeploy-sim-${process.pid}-${Math.random().toString(36).slice(2)}.sqlite`);
  readonly #serverHost: DesktopHost;
  readonly #pcHost: DesktopHost;
  #process: Process | undefined;
  #starting: Promise<void> = Promise.resolve();
  readonly log: string[] = [];
  readonly #timing: Timing;

  private constructor(timing: Partial<Timing>) {
    this.#timing = { ...TIMING, ...timing };
    this.world.desktop = DESKTOP;
    this.#serverHost = this.world.host(this.world.server, DISK);
    this.#pcHost = this.world.host(this.world.pc, DISK);
    this.world.onFault = (fault) => this.strike(fault);
    this.world.onNotice = () => this.#tell();
  }

  static async begin(timing: Partial<Timing> = {}): Promise<Life> {
    const life = new Life(timing);
    const database = await openDatabase(life.#path);
    await fill(database);
    await database.destroy();
    await life.#start();
    return life;
  }

  get attachments(): Attachments {
    if (!this.#process) throw new Error('the server is not running');
    return this.#process.attachments;
  }

  get hosting(): SimHosting {
    if (!this.#process) throw new Error('the server is not running');
    return this.#process.hosting;
  }

  async up(): Promise<void> {
    await this.#starting;
  }

  async row(): Promise<DesktopRow> {
    if (!this.#process) throw new Error('the server is not running');
    const { database } = this.#process;
    return await database.selectFrom('desktops').selectAll().where('id', '=', DESKTOP).executeTakeFirstOrThrow();
  }

  async attach(confirmed = true): Promise<void> {
    await this.attachments.attach(owner(), await this.row(), { disk: DISK, confirmed });
  }

  /** Switches it on, wherever it is. */
  async switchOn(): Promise<void> {
    const row = await this.row();
    if (row.holder_pc !== null && (await this.attachments.startOnPc(row))) return;
    await this.hosting.start();
  }

  setLink(up: boolean): void {
    this.world.linkUp = up;
    // The PC's process needs longer to be back than the kernel's DRBD.
    if (up) setTimeout(() => this.#connect(), 3);
    else this.#disconnect();
  }

  strike(fault: Fault): void {
    if (fault === 'cutLink') this.setLink(false);
    if (fault === 'serverDies') this.#die();
    if (fault !== 'powerCut') return;
    this.#disconnect();
    this.world.powerCut();
  }

  /** The PC is switched on, and the person logs in there. */
  logInAtPc(): void {
    this.#disconnect();
    this.#connect();
  }

  async end(): Promise<void> {
    this.world.stop();
    await this.#starting;
    this.#stop();
    await this.#process?.database.destroy();
    for (const suffix of ['', '-wal', '-shm']) await rm(this.#path + suffix, { force: true });
  }

  #die(): void {
    this.#stop();
    this.#starting = this.#starting.then(() => this.#start());
  }

  #stop(): void {
    const old = this.#process;
    if (!old) return;
    old.alive = false;
    old.attachments.close();
    old.hosts.close();
  }

  async #start(): Promise<void> {
    const database = await openDatabase(this.#path);
    const process = { alive: true, database } as Process;
    const guarded = onlyWhileAlive(this.#serverHost, process);
    const now = Date.now;
    const log = pino({ level: 'info' }, { write: (line: string) => void this.log.push(line) });
    process.hosting = new SimHosting(this.world, guarded, () => process.alive);
    process.hosts = new Hosts({ now, limits: this.#timing.calls });
    process.attachments = new Attachments({
      ...{
        database: mortal(database, process),
        hosting: process.hosting,
        hosts: process.hosts,
        log,
        now,
        timing: this.#timing,
      },
    });
    this.#process = process;
    await process.attachments.recover();
    if (this.world.linkUp) this.#connect();
  }

  #connect(): void {
    const process = this.#process;
    if (!process?.alive || process.link || !this.world.linkUp) return;
    const answer = async (id: number, call: HostCallName, args: never) => {
      try {
        return { id, answer: await (this.#pcHost[call] as (a: never) => Promise<unknown>)(args) };
      } catch (error) {
        return { id, error: { message: String(error) } };
      }
    };
    const link: Process['link'] = process.hosts.connect({
      ...{ pc: PC, user: 'ana', sessionId: 's', pcName: 'pc-1', address: '10.86.0.2' },
      wire: {
        send: (text) => {
          const { id, call, args } = JSON.parse(text);
          void answer(id, call, args as never).then((reply) => {
            if (process.alive && process.link === link) link?.receive(JSON.stringify(reply));
          });
        },
        close: () => {},
      },
    });
    process.link = link;
  }

  #disconnect(): void {
    const process = this.#process;
    const link = process?.link;
    if (process) process.link = undefined;
    link?.ended();
  }

  #tell(): void {
    const process = this.#process;
    if (!process?.alive || !process.attachments) return;
    const { server, pc } = this.world;
    const notify = (notice: object) => process.link?.receive(JSON.stringify({ desktop: DESKTOP, ...notice }));
    const status = this.world.status(server);
    if (status) process.hosting.noticeAll({ notice: 'drbd', desktop: DESKTOP, status });
    process.hosting.noticeAll({ notice: 'machine', desktop: DESKTOP, state: server.machine });
    const pcStatus = this.world.status(pc);
    if (pcStatus) notify({ notice: 'drbd', status: pcStatus });
    if (pc.attached) notify({ notice: 'machine', state: pc.machine });
  }
}

function owner(): Principal {
  const session = {
    ...{ id: 's', user: 'ana', pc: PC, tunnel_address: '10.86.0.2', machine: JSON.stringify(machine) },
  } as SessionRow;
  return { kind: 'session', user: 'ana', role: 'user', session };
}

async function fill(database: Database): Promise<void> {
  const created_at = 0;
  await database
    .insertInto('users')
    .values({ name: 'ana', display_name: '', role: 'user', password_hash: '', created_at })
    .execute();
  await database
    .insertInto('images')
    .values({ name: 'i1', firmware: 'bios', disk_bytes: DISK_BYTES, sha256: '', created_at, phase: 'ready' })
    .execute();
  await database
    .insertInto('desktops')
    .values({
      ...{ id: DESKTOP, name: 'ana-desk', owner: 'ana', image: 'i1', firmware: 'bios', memory_mib: 512, cpus: 1 },
      ...{ disk_bytes: DISK_BYTES, created_at, phase: 'ready', minor: 1, holder_pc: null, holder_since: null },
      ...{ holder_complete: 0, generation: 0, pairing: 0, notice_at: null, notice_text: null },
    })
    .execute();
  await database
    .insertInto('pcs')
    .values({
      ...{
        uuid: PC,
        name: 'pc-1',
        last_seen_at: 0,
        disks: JSON.stringify(machine.disks),
        pins: '[]',
        limit_kibps: null,
      },
    })
    .execute();
}

/** What a dead process asked for never comes back to it. */
function onlyWhileAlive(host: DesktopHost, process: Process): DesktopHost {
  const wrap =
    (call: (...args: never[]) => Promise<unknown>) =>
    async (...args: never[]) => {
      if (!process.alive) return await new Promise(() => {});
      const answer = await call(...args).catch((error: unknown) => {
        if (process.alive) throw error;
        return new Promise(() => {});
      });
      return process.alive ? answer : await new Promise(() => {});
    };
  const entries = Object.entries(host).map(([name, call]) => [name, name === 'onNotice' ? call : wrap(call as never)]);
  return { ...Object.fromEntries(entries), onNotice: () => () => {} } as DesktopHost;
}

/** A dead process writes nothing any more. */
function mortal(database: Database, process: Process): Database {
  return new Proxy(database, {
    get(target, name) {
      if (!process.alive && name !== 'destroy') throw new Error('the process is dead');
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
