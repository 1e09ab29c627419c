/**
 * A server, PCs, the link between them and DRBD, simulated in memory: just enough of each to see whether the server's
 * orchestration ever lets two of them write, or loses a write that was acknowledged. Everything can fail, hang, or die.
 */
import type { DesktopHost } from '#common/hosting/host.ts';
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import { type DrbdStatus, type HostCallName, HostCalls, type MachineState } from '#common/protocol/host-link.ts';

export type Fault = 'failBefore' | 'failAfter' | 'hang' | 'cutLink' | 'serverDies' | 'powerCut';

/** What a resource text says, as far as it matters here. */
interface Text {
  secret: string;
  protocol: string;
  two: boolean;
  freeze: boolean;
  address: string;
}

/** One end: disk, DRBD and QEMU. `writes`: how many of the desktop's writes, in order, this disk has. */
export class End {
  readonly name: string;
  writes = 0;
  /** UpToDate; else it can only be used with the help of the peer. */
  whole = false;
  attached = false;
  primary = false;
  standAlone = false;
  text: Text | undefined;
  machine: MachineState = { kind: 'none' };
  /** Cancels the migration that is under way. */
  cancel: (() => void) | undefined;
  generation = 0;

  constructor(name: string) {
    this.name = name;
  }
}

type Args = Record<string, unknown>;

const SINCE = '2026-01-01T00:00:00.000Z';

export class World {
  readonly server = new End('server');
  readonly pc = new End('pc');
  /** Writes that somebody was told are done. */
  acknowledged = 0;
  /** The tunnel carries packets. */
  linkUp = true;
  /** Since when the ends have been connected, in ticks; -1: they are not. */
  connectedTicks = -1;
  /** Whether a resync gets on. */
  syncing = true;
  /** What the PC writes counts no more: an administrator has given it up. */
  strayWrites = false;
  readonly problems: string[] = [];
  /** Asked at every call. */
  fault: (call: string) => Fault | undefined = () => undefined;
  onFault: (fault: Fault) => void = () => {};
  onNotice: () => void = () => {};
  readonly #timer: NodeJS.Timeout;
  #last = '';
  #syncTicks = 0;

  constructor() {
    Object.assign(this.server, { attached: true, whole: true });
    this.#timer = setInterval(() => this.#tick(), 1);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get connected(): boolean {
    const { server, pc } = this;
    if (!this.linkUp || !server.attached || !pc.attached || server.standAlone || pc.standAlone) return false;
    if (!server.text || !pc.text || server.text.secret !== pc.text.secret) return false;
    return server.text.address !== '192.0.2.1';
  }

  /** Whether it can write, or read what it lacks. */
  usable(end: End): boolean {
    if (!end.attached || !end.primary) return false;
    const alone = this.connectedTicks < 0;
    if (alone && (!end.whole || end.text?.freeze)) return false;
    return true;
  }

  status(end: End): DrbdStatus | undefined {
    if (!end.attached) return undefined;
    const peer = end === this.server ? this.pc : this.server;
    const up = this.connectedTicks >= 0;
    const syncing = up && end.whole !== peer.whole;
    const role = (e: End) => (e.primary ? 'Primary' : 'Secondary');
    const disk = (e: End) => (e.whole ? 'UpToDate' : 'Inconsistent');
    const seen = up
      ? { connection: 'Connected', replication: 'Established', peerRole: role(peer), peerDisk: disk(peer) }
      : { connection: 'Connecting', replication: 'Off', peerRole: 'Unknown', peerDisk: 'DUnknown' };
    return {
      ...{ role: role(end), disk: disk(end), ...seen },
      ...(end.standAlone && !up && { connection: 'StandAlone' }),
      ...(syncing && { replication: end.whole ? 'SyncSource' : 'SyncTarget' }),
      outOfSyncKiB: syncing ? 1000 : 0,
      ...{ receivedKiB: 0, sentKiB: 0, writtenKiB: 0, readKiB: 0 },
      suspended: end.primary && !this.usable(end),
    };
  }

  powerCut(): void {
    Object.assign(this.pc, {
      ...{ attached: false, primary: false, standAlone: false, text: undefined, machine: { kind: 'none' } },
      ...{ generation: 0, whole: this.pc.whole },
    });
    this.pc.cancel?.();
    this.#linkState();
  }

  /** An end as the server's planner sees it. `name` is for {@link fault}. */
  host(end: End, disk: DiskIdentity): DesktopHost {
    const queue = { turn: Promise.resolve() as Promise<unknown> };
    const calls = Object.keys(HostCalls).map((call) => [
      call,
      (args: Args) => this.#call(end, call as HostCallName, args, { disk, queue }),
    ]);
    return { ...Object.fromEntries(calls), onNotice: () => () => {} };
  }

  async #call(
    end: End,
    call: HostCallName,
    args: Args,
    { disk, queue }: { disk: DiskIdentity; queue: { turn: Promise<unknown> } },
  ): Promise<unknown> {
    const fault = this.fault(`${end.name}.${call}`);
    if (fault && fault !== 'failBefore' && fault !== 'failAfter' && fault !== 'hang') this.onFault(fault);
    if (fault === 'failBefore') throw new Error(`${call} did not work`);
    const work = async () => await this.#do(end, call, args, disk);
    const free = ['inspect', 'cancelAttach', 'cancelMigration', 'migrateTo'].includes(call);
    const turn = free ? work() : queue.turn.then(work);
    if (!free) queue.turn = turn.catch(() => {});
    const answer = await turn;
    if (fault === 'failAfter') throw new Error(`${call} worked, and said it did not`);
    if (fault === 'hang') return await new Promise(() => {});
    return answer;
  }

  async #do(end: End, call: HostCallName, args: Args, disk: DiskIdentity): Promise<unknown> {
    const does: Record<HostCallName, () => unknown> = {
      inspect: () => this.#inspect(end, disk),
      attach: () => this.#attach(end, args),
      cancelAttach: () => {},
      configure: () => this.#configure(end, String(args.resource)),
      detach: () => this.#detach(end),
      setRole: () => this.#setRole(end, args.role === 'primary'),
      pauseSync: () => {},
      startIncoming: () => this.#startIncoming(end),
      migrateTo: () => this.#migrate(end),
      cancelMigration: () => end.cancel?.(),
      letRun: () => this.#go(end, 'arrived', 'letRun'),
      takeBack: () => this.#go(end, 'sent', 'takeBack'),
      endMachine: () => {
        end.cancel?.();
        this.#setMachine(end, { kind: 'none' });
      },
      shutDown: () => this.#setMachine(end, { kind: 'none' }),
      startMachine: () => {
        if (end.machine.kind === 'none') this.#setRole(end, true);
        this.#go(end, 'none', 'startMachine');
      },
    };
    if (call === 'letRun') end.generation = Number(args.generation);
    return (await does[call]()) ?? {};
  }

  #configure(end: End, resource: string): void {
    if (end === this.pc && !end.attached) throw new Error('nothing is attached here');
    end.text = parse(resource);
    end.standAlone = false;
  }

  #detach(end: End): void {
    const { kind } = end.machine;
    // As a PC does: what is left of a machine is cleared away with the disk.
    if (kind === 'failed' || kind === 'sent') this.#setMachine(end, { kind: 'none' });
    else if (kind !== 'none') throw new Error('a machine has the disk');
    Object.assign(end, { attached: false, primary: false, text: undefined });
    this.#linkState();
  }

  #startIncoming(end: End): object {
    if (end.machine.kind !== 'none') throw new Error('there is a machine');
    if (!end.primary) throw new Error('the disk is not primary');
    this.#setMachine(end, { kind: 'incoming' });
    return { host: end.name, port: 40_000 };
  }

  /** A machine in this state runs from now on. */
  #go(end: End, from: MachineState['kind'], how: string): void {
    if (end.machine.kind === 'running') return;
    if (end.machine.kind !== from) throw new Error(`${how} of a machine that is ${end.machine.kind}`);
    this.#setMachine(end, { kind: 'running', since: SINCE });
    if (this.#readable(end) < this.acknowledged && this.usable(end)) {
      this.problems.push(`${how} on the ${end.name} with ${this.#readable(end)} of ${this.acknowledged} writes`);
    }
  }

  #inspect(end: End, disk: DiskIdentity) {
    const localHost = { kvm: true, memoryFreeMiB: 100_000, missingCpuFeatures: [] };
    if (!end.attached || end === this.server) return { localHost };
    const drbd = this.status(end);
    const { machine, generation } = end;
    return { localHost, attached: { desktop: this.desktop, disk, machine, generation, ...(drbd && { drbd }) } };
  }

  /** Id of the one desktop of this world. */
  desktop = '';

  #attach(end: End, a: Args) {
    if (end.attached) {
      end.text = parse(String(a.resource));
      return { metadata: 'kept', why: 'it is attached' };
    }
    if (a.source === 'pc') end.primary = true;
    Object.assign(end, {
      ...{ attached: true, standAlone: false, text: parse(String(a.resource)), generation: a.generation },
      whole: a.source === 'pc',
    });
    return { metadata: 'new', why: 'there was none' };
  }

  /** The server's copy is given up for the one of the PC. */
  discardOwn(resource: string): void {
    Object.assign(this.server, { whole: false, primary: false, text: parse(resource), standAlone: false });
    this.#linkState();
  }

  #setRole(end: End, primary: boolean): void {
    const peer = end === this.server ? this.pc : this.server;
    if (!primary && end.machine.kind !== 'none' && end.machine.kind !== 'failed') {
      throw new Error(`the disk is in use: ${end.machine.kind}`);
    }
    if (primary && !end.primary) {
      const alone = this.connectedTicks < 0;
      if (!alone && peer.primary && !(end.text?.two && peer.text?.two)) throw new Error('the peer is primary');
      if (alone && !end.whole) throw new Error('need access to UpToDate data');
    }
    end.primary = primary;
  }

  /** What a machine that starts on this end finds on its disk. */
  #readable(end: End): number {
    if (end.whole) return end.writes;
    return end === this.server ? this.pc.writes : this.server.writes;
  }

  #setMachine(end: End, machine: MachineState): void {
    end.machine = machine;
    this.#twoWriters(`${end.name} ${machine.kind}`);
    this.onNotice();
  }

  #twoWriters(when: string): void {
    const writers = [this.server, this.pc].filter(
      (e) => (e.machine.kind === 'running' || e.machine.kind === 'migrating') && this.usable(e),
    );
    if (this.strayWrites) return;
    if (writers.length > 1) this.problems.push(`two writers: ${when}`);
  }

  async #migrate(source: End): Promise<unknown> {
    const target = source === this.server ? this.pc : this.server;
    if (source.machine.kind !== 'running') throw new Error(`there is nothing to send: ${source.machine.kind}`);
    if (target.machine.kind !== 'incoming') throw new Error('nobody waits for it');
    this.#setMachine(source, { kind: 'migrating' });
    const why = await new Promise<string | undefined>((resolve) => {
      let left = 6;
      const timer = setInterval(() => {
        left -= 1;
        if (!this.linkUp || this.connectedTicks < 0) done('the connection was lost');
        else if (target.machine.kind !== 'incoming') done('the other side went away');
        else if (left <= 0) done(undefined);
      }, 1);
      const done = (reason: string | undefined) => {
        clearInterval(timer);
        source.cancel = undefined;
        resolve(reason);
      };
      source.cancel = () => done('cancelled');
    });
    if ((source.machine as MachineState).kind !== 'migrating') throw new Error('it was ended');
    if (why !== undefined) {
      if (target.machine.kind === ('incoming' as string)) this.#setMachine(target, { kind: 'failed', reason: why });
      this.#setMachine(source, { kind: 'running', since: SINCE });
      throw new Error(why);
    }
    this.#setMachine(source, { kind: 'sent' });
    this.#setMachine(target, { kind: 'arrived' });
    return { downtimeMs: 1, totalMs: 6, transferredBytes: 1, throttlePercent: 0 };
  }

  /** The desktop writes, DRBD copies. */
  #tick(): void {
    this.#linkState();
    for (const end of [this.server, this.pc]) {
      const writes = end.machine.kind === 'running' || end.machine.kind === 'migrating';
      if (!writes || !this.usable(end) || (this.strayWrites && end === this.pc)) continue;
      const peer = end === this.server ? this.pc : this.server;
      this.acknowledged += 1;
      end.writes = this.acknowledged;
      // Protocol A leaves the last one on its way; what arrives is applied in order.
      if (this.connectedTicks >= 0) peer.writes = this.acknowledged - (end.text?.protocol === 'C' ? 0 : 1);
      this.#twoWriters('writing');
    }
    const idle = ![this.server, this.pc].some((e) => ['running', 'migrating'].includes(e.machine.kind));
    if (this.connectedTicks >= 0 && idle) {
      const most = Math.max(this.server.writes, this.pc.writes);
      Object.assign(this.server, { writes: most });
      Object.assign(this.pc, { writes: most });
    }
    const now = JSON.stringify([this.status(this.server), this.status(this.pc)]);
    if (now !== this.#last) this.onNotice();
    this.#last = now;
  }

  #linkState(): void {
    if (!this.connected) {
      this.connectedTicks = -1;
      return;
    }
    const { server, pc } = this;
    this.connectedTicks += 1;
    if (this.connectedTicks === 0) {
      const both = server.primary && pc.primary && !(server.text?.two && pc.text?.two);
      if (both) {
        // after-sb-2pri disconnect: they refuse each other, until one is made secondary and they are told to try again.
        server.standAlone = true;
        pc.standAlone = true;
        this.connectedTicks = -1;
        return;
      }
      // Whoever was primary meanwhile is the source; the other one has to be brought up to it.
      if (server.whole && pc.whole && server.writes !== pc.writes) {
        const target = server.writes < pc.writes ? server : pc;
        target.whole = false;
      }
    }
    this.#syncTicks = server.whole === pc.whole || !this.syncing ? 0 : this.#syncTicks + 1;
    if (this.#syncTicks < 8) return;
    const [from, to] = server.whole ? [server, pc] : [pc, server];
    to.writes = from.writes;
    to.whole = true;
  }
}

function parse(text: string): Text {
  const of = (pattern: RegExp) => pattern.exec(text)?.[1] ?? '';
  return {
    secret: of(/shared-secret "?([^";]+)/),
    protocol: of(/protocol (\w)/),
    two: of(/allow-two-primaries (\w+)/) === 'yes',
    freeze: /fencing resource-and-stonith/.test(text),
    address: of(/on pc \{\s*address ipv4 ([\d.]+):/),
  };
}
