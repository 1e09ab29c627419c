/**
 * This PC as a host of desktops. The server decides everything; here every call is checked against the disk guard and
 * against what is really there, and what cannot be proved right is refused. The machine of a desktop that was sent away,
 * or has arrived, never runs on by our own decision: only the server knows who holds the desktop.
 */
import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import { watchDrbd } from '#common/drbd/events.ts';
import { UserError } from '#common/errors.ts';
import { desktopOwner, type Owner } from '#common/hosting/files.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import { hostFacts } from '#common/hosting/host-facts.ts';
import type { Folders } from '#common/hosting/places.ts';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import type { TunnelConfig } from '#common/protocol/client-server.ts';
import type {
  DrbdStatus,
  HostAnswer,
  HostArgs,
  HostedDesktop,
  HostNotice,
  MachineState,
} from '#common/protocol/host-link.ts';
import type { OpenGuarded } from '../disks/guard.ts';
import { applyPcRules, applyTunnel } from './firewall.ts';
import { HostLink } from './link.ts';
import { type Attached, Memory } from './memory.ts';
import { PcDesktop } from './pc-desktop.ts';

/** Milliseconds without the server after which a desktop that is on its way to it stays here instead. */
const CANCEL_AFTER_MS = 10_000;

/** Milliseconds that a guest has to shut down before this PC's power goes. */
const SHUT_DOWN_MS = 60_000;

export interface PcHostOptions {
  folders: Folders;
  /** Of the tunnel to the server. */
  tunnelInterface: string;
  openGuarded: OpenGuarded;
  log: Logger;
}

export interface PcHostState {
  /** The desktop whose disk is attached here, if any. */
  desktop: HostedDesktop | undefined;
  machine: MachineState;
  drbd: DrbdStatus | undefined;
  /** To the server. `since`: milliseconds since the epoch. */
  link: { connected: boolean; since: number };
}

export class PcHost {
  readonly #options: PcHostOptions;
  readonly #memory: Memory;
  readonly #changes = new EventEmitter<{ change: []; notice: [HostNotice] }>();
  readonly #closing = new AbortController();
  #owner: Owner | undefined;
  #desktop: PcDesktop | undefined;
  #drbd: DrbdStatus | undefined;
  #watching = false;
  #link: HostLink | undefined;
  #linkSince = Date.now();
  #tunnel: TunnelConfig | undefined;
  #cancelTimer: NodeJS.Timeout | undefined;
  /** The newest attach, perhaps over. */
  #attaching: { desktop: string; cancel: AbortController } | undefined;
  /** The answer to the last detach: asked for again when the link was cut before it arrived. */
  #detached: { desktop: string; answer: HostAnswer<'detach'> } | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #firewall: Promise<void> | undefined;

  constructor(options: PcHostOptions) {
    this.#options = options;
    this.#memory = new Memory(options.folders.run);
    this.#changes.on('notice', (notice) => this.#link?.tell(notice));
  }

  /** Finds what is here from before our process started. */
  async start(): Promise<void> {
    const { log } = this.#options;
    const attached = await this.#memory.read();
    if (!attached) return;
    try {
      const desktop = await this.#make(attached);
      if (!(await desktop.find())) return await this.#memory.forget();
      this.#desktop = desktop;
      this.#watch();
      // Nobody is logged in any more, so the server cannot say how its move went on.
      this.#cancelTimer = setTimeout(() => void this.#stayHere(), CANCEL_AFTER_MS);
      log.info({ desktop: attached.desktop.id, machine: desktop.machine }, 'a desktop was found on this PC');
    } catch (err) {
      log.error({ err, desktop: attached.desktop.id }, 'the desktop on this PC could not be taken over');
    }
    this.#changed();
  }

  /** Makes what the first desktop here will need: for the time when the PC has started, and nobody has logged in yet. */
  prepare(): void {
    if (this.#firewall) return; // the page was loaded again
    this.#firewall = this.#makeFirewall();
    this.#firewall.catch((err) => this.#options.log.error({ err }, 'no desktop can run on this PC'));
  }

  async #makeFirewall(): Promise<void> {
    this.#owner ??= await desktopOwner();
    await applyPcRules(this.#options.tunnelInterface, this.#owner.uid);
  }

  get state(): PcHostState {
    return {
      desktop: this.#desktop?.desktop,
      machine: this.#desktop?.machine ?? { kind: 'none' },
      drbd: this.#drbd,
      link: { connected: this.#link?.connected ?? false, since: this.#linkSince },
    };
  }

  /** Called after every change of {@link state}. Returns: stop listening. */
  onChange(listener: () => void): () => void {
    this.#changes.on('change', listener);
    return () => this.#changes.off('change', listener);
  }

  /** This desktop's machine runs on this PC. */
  isHere(desktop: string): boolean {
    return this.#desktop?.desktop.id === desktop && ['running', 'migrating'].includes(this.#desktop.machine.kind);
  }

  /** Where the host's end of the guest agent's port is, while a desktop runs here. */
  get agentSocket(): string | undefined {
    return this.#desktop && this.isHere(this.#desktop.desktop.id) ? this.#desktop.places.agent : undefined;
  }

  /** A one-time ticket for the screen of the desktop that runs here. */
  async ticket(desktop: string): Promise<{ host: string; port: number; password: string }> {
    return await this.#one(desktop).ticket();
  }

  /**
   * Before this PC's power goes, when the server cannot be asked: shuts the desktop that runs here down (after a while by
   * force) and lets its disk go, which stays the newest copy.
   */
  async shutDownHere(): Promise<void> {
    const here = this.#desktop;
    if (!here) return;
    await this.#alone(async () => {
      await here.shutDownWithin(SHUT_DOWN_MS);
      await this.#detach({ desktop: here.desktop.id, save: false });
    });
  }

  /** Offers this PC to the server as a host: when somebody is logged in and the tunnel is up. */
  connect(client: PinnedClient, tunnel: TunnelConfig): void {
    this.disconnect();
    this.#tunnel = tunnel;
    this.#requireFirewall().catch((err) => this.#options.log.error({ err }, 'the firewall does not know the tunnel'));
    this.#link = new HostLink({
      client,
      host: this.#calls(),
      log: this.#options.log,
      onConnected: (connected) => this.#linkIs(connected),
    });
  }

  /** The desktop that runs here goes on. */
  disconnect(): void {
    const link = this.#link;
    this.#link = undefined;
    link?.close();
  }

  /** Stops watching; what runs goes on. */
  close(): void {
    this.disconnect();
    clearTimeout(this.#cancelTimer);
    this.#closing.abort();
    this.#desktop?.close();
  }

  /**
   * One after the other in the order they came, also those of an older link: a late one must not hit what was asked
   * after it. Only looking and breaking off go past, and nothing waits for the end of a migration.
   */
  #calls(): Omit<DesktopHost, 'onNotice'> {
    const inTurn = (desktop: string, work: (here: PcDesktop) => Promise<unknown>) =>
      this.#alone(async () => {
        await work(this.#one(desktop));
        return {};
      });
    return {
      inspect: () => this.#inspect(),
      attach: (args) => {
        const cancel = new AbortController();
        this.#attaching = { desktop: args.desktop.id, cancel };
        return this.#alone(() => this.#attach(args, cancel.signal));
      },
      cancelAttach: async ({ desktop }) => {
        if (this.#attaching?.desktop === desktop) this.#attaching.cancel.abort(new UserError('it was broken off'));
        return {};
      },
      detach: (args) => this.#alone(() => this.#detach(args)),
      configure: ({ desktop, resource }) => inTurn(desktop, (here) => here.configure(resource)),
      setRole: ({ desktop, role }) => inTurn(desktop, (here) => here.setRole(role)),
      pauseSync: ({ desktop, paused }) => inTurn(desktop, (here) => here.pauseSync(paused)),
      startIncoming: ({ desktop }) => this.#alone(() => this.#startIncoming(desktop)),
      migrateTo: async ({ desktop, ...to }, signal) => {
        const { result } = await this.#alone(async () => ({ result: this.#one(desktop).migrateTo(to, signal) }));
        return await result;
      },
      cancelMigration: async ({ desktop }) => {
        await this.#one(desktop).cancelMigration();
        return {};
      },
      letRun: (args) => this.#alone(() => this.#letRun(args)),
      takeBack: ({ desktop }) => inTurn(desktop, (here) => here.letRun('sent')),
      endMachine: ({ desktop }) =>
        this.#alone(async () => {
          if (this.#desktop?.desktop.id === desktop) await this.#desktop.endMachine();
          return {};
        }),
      shutDown: ({ desktop }) => inTurn(desktop, (here) => here.shutDown()),
      startMachine: ({ desktop }) =>
        inTurn(desktop.id, async (here) => {
          await this.#requireFirewall();
          await here.startMachine(desktop);
        }),
    };
  }

  async #inspect(): Promise<HostAnswer<'inspect'>> {
    const localHost = await hostFacts();
    if (!this.#desktop) return { localHost };
    const { attached, machine, replica } = this.#desktop;
    // While a desktop is moved every moment counts in which nothing runs; what was told last is young enough then.
    const moving = ['incoming', 'arrived', 'migrating', 'sent'].includes(machine.kind);
    const drbd = (moving ? this.#drbd : undefined) ?? (await replica.drbd.status());
    const { disk, generation } = attached;
    return {
      localHost,
      attached: { desktop: attached.desktop.id, disk, machine, generation, ...(drbd && { drbd }) },
    };
  }

  async #attach(args: HostArgs<'attach'>, signal: AbortSignal): Promise<HostAnswer<'attach'>> {
    const { desktop, disk, generation } = args;
    const before = this.#desktop;
    if (before && before.desktop.id !== desktop.id) {
      throw new UserError(`the desktop ${before.desktop.name} is attached to this PC`, { hint: 'Detach it first.' });
    }
    const here = before ?? (await this.#make({ desktop, disk, generation }));
    const answer = await here.attach(args, signal);
    here.attached = { desktop, disk, generation };
    await this.#memory.write(here.attached);
    this.#desktop = here;
    this.#detached = undefined;
    this.#watch();
    this.#changed();
    return answer;
  }

  async #detach({ desktop, save }: HostArgs<'detach'>): Promise<HostAnswer<'detach'>> {
    const here = this.#desktop;
    if (here?.desktop.id !== desktop) return this.#detached?.desktop === desktop ? this.#detached.answer : {};
    const answer = await here.detach(save);
    this.#detached = { desktop, answer };
    here.close();
    this.#desktop = undefined;
    this.#drbd = undefined;
    await this.#memory.forget();
    this.#changed();
    return answer;
  }

  async #startIncoming(desktop: HostedDesktop): Promise<HostAnswer<'startIncoming'>> {
    const here = this.#one(desktop.id);
    if (!this.#tunnel) throw new UserError('this PC has no tunnel to the server');
    await this.#requireFirewall();
    return await here.startIncoming(desktop, this.#tunnel.address);
  }

  async #letRun({ desktop, generation }: HostArgs<'letRun'>): Promise<HostAnswer<'letRun'>> {
    const here = this.#one(desktop);
    await here.letRun('arrived');
    here.attached = { ...here.attached, generation };
    await this.#memory.write(here.attached);
    return {};
  }

  /** No machine starts without the rules that keep it in. */
  async #requireFirewall(): Promise<void> {
    if (!this.#tunnel) throw new UserError('this PC has no tunnel to the server');
    // What failed once may work now.
    this.#firewall = (this.#firewall ?? this.#makeFirewall()).catch(() => this.#makeFirewall());
    await this.#firewall;
    await applyTunnel(this.#tunnel);
  }

  #one(id: string): PcDesktop {
    if (this.#desktop?.desktop.id === id) return this.#desktop;
    throw new UserError('this desktop is not attached to this PC');
  }

  async #make(attached: Attached): Promise<PcDesktop> {
    const { folders, openGuarded, log } = this.#options;
    this.#owner ??= await desktopOwner();
    const { id } = attached.desktop;
    return new PcDesktop({
      ...{ attached, folders, openGuarded, log, owner: this.#owner },
      onMachine: (state) => {
        this.#changes.emit('notice', { notice: 'machine', desktop: id, state });
        this.#changed();
      },
      onProgress: (progress) => this.#changes.emit('notice', { notice: 'migration', desktop: id, progress }),
      onEmptying: (percent) => this.#changes.emit('notice', { notice: 'emptying', desktop: id, percent }),
    });
  }

  /** Tells what DRBD does, from the first attachment on. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    const { log } = this.#options;
    void watchDrbd({
      signal: this.#closing.signal,
      onError: (err) => log.debug({ err }, 'drbdsetup events2'),
      onStatus: (name, status) => {
        const id = this.#desktop?.desktop.id;
        if (id === undefined || name !== `desk-${id}`) return;
        this.#drbd = status;
        if (status) this.#changes.emit('notice', { notice: 'drbd', desktop: id, status });
        this.#changed();
      },
    });
  }

  #linkIs(connected: boolean): void {
    this.#linkSince = Date.now();
    clearTimeout(this.#cancelTimer);
    if (connected) this.#tellAll();
    else this.#cancelTimer = setTimeout(() => void this.#stayHere(), CANCEL_AFTER_MS);
    this.#changed();
  }

  #tellAll(): void {
    const here = this.#desktop;
    if (!here) return;
    const desktop = here.desktop.id;
    this.#changes.emit('notice', { notice: 'machine', desktop, state: here.machine });
    if (this.#drbd) this.#changes.emit('notice', { notice: 'drbd', desktop, status: this.#drbd });
  }

  /**
   * The server has not been heard of while the desktop was being sent to it: the connection would be tried for a
   * quarter of an hour, and the desktop slowed down all the while. One that has been sent whole is not touched.
   */
  async #stayHere(): Promise<void> {
    const here = this.#desktop;
    if (here?.machine.kind !== 'migrating') return;
    const { log } = this.#options;
    log.warn({ desktop: here.desktop.id }, 'the server is gone: the desktop stays here');
    await here.cancelMigration().catch((err) => log.warn({ err }, 'the move could not be broken off'));
  }

  #changed(): void {
    this.#changes.emit('change');
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
