/** The back half of the server: storage, tunnels, firewall and desktops behind the one interface `Hosting`. */
import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { DrbdEnd } from '#common/drbd/resource.ts';
import { messageOf, UserError } from '#common/errors.ts';
import { allowDesktopUser } from '#common/hosting/device-access.ts';
import { loadDrbd } from '#common/hosting/drbd-module.ts';
import { desktopOwner, type Owner } from '#common/hosting/files.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import { type HostFacts, hostFacts, hostProblem } from '#common/hosting/host-facts.ts';
import { type Folders, idOfUnit, placesOf, UNITS } from '#common/hosting/places.ts';
import { logicalVolumes } from '#common/lvm/lvm.ts';
import type { TunnelConfig, ViewerTicket } from '#common/protocol/client-server.ts';
import type { DesktopState } from '#common/protocol/desktop.ts';
import type { Baseline, DrbdStatus, HostNotice, MachineState } from '#common/protocol/host-link.ts';
import { listUnits } from '#common/systemd/transient.ts';
import { applyRules } from '../firewall/firewall.ts';
import type { Opening } from '../firewall/ruleset.ts';
import {
  type DesktopRecord,
  type Hosting,
  HostingError,
  type HostingProblem,
  type ImportRequest,
  type PeerAccess,
  type TunnelRequest,
} from '../hosting.ts';
import { importImage, removeImage, removeLeftovers, requireSpace, spaceProblem } from '../storage/images.ts';
import { GROUP, openPool, type PoolStatus, poolStatus } from '../storage/pool.ts';
import { SERVER_ADDRESS, TUNNEL_NETWORK } from '../tunnel/addresses.ts';
import { TUNNEL_INTERFACE, Tunnels } from '../tunnel/tunnels.ts';
import { ServerDesktop } from './desktop.ts';
import { serverHost } from './host.ts';
import { PeerOpenings } from './peers.ts';
import { serverEnd } from './replication.ts';
import { Statuses } from './statuses.ts';

/** The first screen's TCP port: SPICE's and VNC's traditional one. */
const FIRST_PORT = 5900;
const LAST_PORT = 9899;
/** Milliseconds between two looks at tunnels and pool. */
const LOOK_EVERY = 15_000;
export interface HostingOptions {
  folders: Folders;
  log: Logger;
  /** UDP. */
  tunnelPort: number;
  /** Bytes inside the tunnel. */
  tunnelMtu: number;
  /** TCP ports that everybody may reach: the API's, and what the administrator adds. */
  openTcpPorts: readonly number[];
  /** Serial number or WWN of the data disk; the only empty disk unless given. */
  dataDisk?: string;
}

export class ServerHosting implements Hosting {
  readonly host: DesktopHost;
  #options: HostingOptions;
  #owner: Owner;
  #tunnels: Tunnels;
  #storage: PoolStatus;
  #desktops = new Map<string, ServerDesktop>();
  #records = new Map<string, DesktopRecord>();
  #statuses: Statuses;
  #peers = new PeerOpenings();
  #changes = new EventEmitter<{ change: [string]; dead: [string]; notice: [HostNotice] }>();
  #timer: NodeJS.Timeout | undefined;
  #told = new Set<string>();

  private constructor(options: HostingOptions, parts: { owner: Owner; tunnels: Tunnels; storage: PoolStatus }) {
    this.#options = options;
    this.#owner = parts.owner;
    this.#tunnels = parts.tunnels;
    this.#storage = parts.storage;
    this.#statuses = new Statuses({
      log: options.log,
      onStatus: (desktop, status) => this.#changes.emit('notice', { notice: 'drbd', desktop, status }),
      onWhole: (desktop) => this.#whole(desktop),
    });
    this.host = serverHost({
      find: (id) => ({ desktop: this.#desktop(id), record: this.#record(id) }),
      requireRoom: (desktop, what) => this.#requireRoom(desktop, what),
      onNotice: (listener) => {
        this.#changes.on('notice', listener);
        return () => this.#changes.off('notice', listener);
      },
    });
  }

  /**
   * Sets everything up that is missing: data disk, tunnel interface, firewall. Storage that is not usable does not
   * stop the server: it is reported by {@link status} and by everything that needs it.
   * @throws UserError when tunnel or firewall cannot be set up: without them nothing would be safe
   */
  static async create(options: HostingOptions): Promise<ServerHosting> {
    const { log, folders } = options;
    const owner = await desktopOwner();
    await allowDesktopUser();
    await loadDrbd().catch((err) => log.error({ err }, 'desktops cannot be opened without DRBD'));
    const storage = await openStorage(options);
    if (storage.kind === 'ready') {
      const leftovers = await removeLeftovers();
      if (leftovers.length > 0) log.warn({ leftovers }, 'removed what unfinished imports left');
    }
    const tunnels = await Tunnels.open({
      stateFolder: folders.state,
      port: options.tunnelPort,
      mtu: options.tunnelMtu,
    });
    return new ServerHosting(options, { owner, tunnels, storage });
  }

  async recover(known: { desktops: DesktopRecord[]; tunnels: Required<TunnelRequest>[] }): Promise<void> {
    const { log } = this.#options;
    this.#statuses.open();
    for (const record of known.desktops) this.#records.set(record.id, record);
    const units = (await listUnits(UNITS)).map(idOfUnit).filter((id) => id !== undefined);
    const ids = new Set([...known.desktops.map((d) => d.id), ...units]);
    // Found again one by one and not through `become`: a machine that runs is never touched here.
    await Promise.all([...ids].map((id) => this.#desktop(id).find()));
    for (const id of units) {
      if (!known.desktops.some((d) => d.id === id)) log.warn({ desktop: id }, 'a desktop runs that is not known');
    }
    await this.#reportUnknownDisks(known.desktops);
    await this.#tunnels.restore(known.tunnels);
    await this.#applyFirewall();
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY);
  }

  async problems(): Promise<HostingProblem[]> {
    // As it was when #look looked last: asking LVM starts a program that takes its time
    const storage = spaceProblem(this.#storage);
    return [
      ...(storage ? [{ problem: storage.message, ...(storage.hint !== undefined && { hint: storage.hint }) }] : []),
      ...machineProblem(await hostFacts()),
    ];
  }

  desktopState(id: string): DesktopState {
    return this.#desktops.get(id)?.state ?? { kind: 'off' };
  }

  machineState(id: string): MachineState {
    return this.#desktops.get(id)?.machine ?? { kind: 'none' };
  }

  drbdStatus(id: string): DrbdStatus | undefined {
    return this.#statuses.get(id);
  }

  drbdEnd(desktop: DesktopRecord): DrbdEnd {
    return serverEnd(desktop);
  }

  agentSocket(id: string): string {
    return placesOf(id, this.#options.folders).agent;
  }

  async allowPeer(id: string, peer: PeerAccess | undefined): Promise<void> {
    await this.#peers.set(this.#record(id), peer);
  }

  async discardOwn(desktop: DesktopRecord, resource: string): Promise<void> {
    this.#records.set(desktop.id, desktop);
    this.#requireStorage();
    await this.#desktop(desktop.id).replicate((replication) => replication.discard(desktop, resource));
  }

  async baselineOf(desktop: DesktopRecord): Promise<Baseline | undefined> {
    this.#records.set(desktop.id, desktop);
    this.#requireStorage();
    return await this.#desktop(desktop.id).replicate((replication) => replication.baseline(desktop));
  }

  async restoreOwn(desktop: DesktopRecord): Promise<void> {
    this.#records.set(desktop.id, desktop);
    this.#requireStorage();
    await this.#desktop(desktop.id).replicate((replication) => replication.restoreOld(desktop));
  }

  onChange(listener: (id: string) => void): () => void {
    this.#changes.on('change', listener);
    return () => this.#changes.off('change', listener);
  }

  async create(desktop: DesktopRecord): Promise<void> {
    this.#requireStorage();
    this.#records.set(desktop.id, desktop);
    const hosted = this.#desktop(desktop.id);
    try {
      await hosted.become({ kind: 'created', desktop });
    } catch (error) {
      await this.remove(desktop.id);
      throw error;
    }
  }

  async start(desktop: DesktopRecord): Promise<void> {
    const hosted = this.#desktop(desktop.id);
    if (hosted.state.kind === 'running' || hosted.state.kind === 'starting') return;
    if (hosted.state.kind === 'stopping') {
      throw new HostingError('conflict', 'the desktop is shutting down', { hint: 'Try again when it is off.' });
    }
    this.#records.set(desktop.id, desktop);
    await this.#requireRoom(desktop, 'start');
    hosted.start(desktop);
  }

  async shutDown(id: string): Promise<void> {
    await this.#desktops.get(id)?.shutDown();
  }

  async forceOff(id: string): Promise<void> {
    await this.#desktops.get(id)?.forceOff();
  }

  async remove(id: string): Promise<void> {
    const hosted = this.#desktop(id);
    await hosted.forceOff();
    await hosted.become({ kind: 'absent' });
    hosted.close();
    const record = this.#records.get(id);
    if (record) await this.#peers.set(record, undefined);
    this.#desktops.delete(id);
    this.#records.delete(id);
    this.#statuses.forget(id);
  }

  async ticketFor(id: string, peerAddress: string): Promise<ViewerTicket> {
    if (!this.#tunnels.hasAddress(peerAddress)) {
      throw new HostingError('conflict', 'this session has no tunnel', { hint: 'Log in again.' });
    }
    const hosted = this.#desktops.get(id);
    if (!hosted) throw new HostingError('conflict', 'the desktop is not running', { hint: 'Start it first.' });
    const { password, port, expiresAt } = await hosted.ticket(peerAddress);
    return { protocol: 'spice', host: SERVER_ADDRESS, port, password, expiresAt: new Date(expiresAt).toISOString() };
  }

  async importImage(request: ImportRequest): Promise<{ diskBytes: number; sha256: string }> {
    this.#requireStorage();
    return await importImage(request);
  }

  async removeImage(name: string): Promise<void> {
    if (this.#storage.kind === 'ready') await removeImage(name);
  }

  async openTunnel(request: TunnelRequest): Promise<TunnelConfig> {
    this.#told.delete(request.sessionId);
    return await this.#tunnels.add(request);
  }

  async closeTunnel(sessionId: string): Promise<void> {
    const address = await this.#tunnels.remove(sessionId);
    this.#told.delete(sessionId);
    if (address === undefined) return;
    for (const desktop of this.#desktops.values()) await desktop.expel(address);
    await this.#peers.forget(address, this.#records.values());
  }

  onTunnelDead(listener: (sessionId: string) => void): () => void {
    this.#changes.on('dead', listener);
    return () => this.#changes.off('dead', listener);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#statuses.close();
    for (const desktop of this.#desktops.values()) desktop.close();
    this.#changes.removeAllListeners();
  }

  #desktop(id: string): ServerDesktop {
    const there = this.#desktops.get(id);
    if (there) return there;
    const { folders, log } = this.#options;
    const desktop = new ServerDesktop({
      id,
      folders,
      log,
      owner: this.#owner,
      storage: () => this.#storage.kind === 'ready',
      freePort: () => this.#freePort(),
      onChange: () => this.#changes.emit('change', id),
      onMachine: (state) => this.#changes.emit('notice', { notice: 'machine', desktop: id, state }),
      onProgress: (progress) => this.#changes.emit('notice', { notice: 'migration', desktop: id, progress }),
    });
    this.#desktops.set(id, desktop);
    return desktop;
  }

  #record(id: string): DesktopRecord {
    const record = this.#records.get(id);
    if (!record) throw new HostingError('not_found', 'there is no such desktop');
    return record;
  }

  /**
   * One that arrives needs no more space than it has: its disk has been here all the time.
   * @throws HostingError when a machine of this size cannot be started now
   */
  async #requireRoom(desktop: DesktopRecord, what: 'start' | 'arrive'): Promise<void> {
    this.#requireStorage();
    if (what === 'start') await requireSpace();
    const problem = hostProblem(await hostFacts(), desktop, 'the server');
    if (problem) throw new HostingError('unavailable', problem);
  }

  /** What was kept of its older content may go. */
  #whole(id: string): void {
    const { log } = this.#options;
    void this.#desktop(id)
      .replicate((replication) => replication.forgetOldIfWhole())
      .catch((err) => log.warn({ err, desktop: id }, 'what was kept of its older content'));
  }

  #freePort(): number {
    const taken = new Set([...this.#desktops.values()].map((d) => d.port));
    for (let port = FIRST_PORT; port <= LAST_PORT; port++) if (!taken.has(port)) return port;
    throw new HostingError('unavailable', 'no port is free for the desktop’s screen');
  }

  #requireStorage(): void {
    if (this.#storage.kind === 'ready') return;
    const problem = spaceProblem(this.#storage);
    if (problem) throw problem;
  }

  async #applyFirewall(): Promise<void> {
    const there = (openings: readonly Opening[]) => openings.filter((o) => this.#tunnels.hasAddress(o.peer));
    const viewers = [...this.#desktops.values()].flatMap((d) => d.openings);
    const { peers, departures } = this.#peers.all;
    await applyRules({
      tunnelInterface: TUNNEL_INTERFACE,
      tunnelNetwork: TUNNEL_NETWORK,
      tunnelPort: this.#options.tunnelPort,
      openTcpPorts: this.#options.openTcpPorts,
      desktopUser: this.#owner.uid,
      openings: { viewers: there(viewers), peers: there(peers), departures: there(departures) },
    });
  }

  async #reportUnknownDisks(desktops: readonly DesktopRecord[]): Promise<void> {
    if (this.#storage.kind !== 'ready') return;
    const known = new Set(desktops.map((d) => `desk-${d.id}`));
    const unknown = (await logicalVolumes(GROUP)).map((v) => v.name).filter((n) => /^desk-/.test(n) && !known.has(n));
    if (unknown.length > 0) this.#options.log.warn({ unknown }, 'disks of desktops that are not known; left alone');
  }

  /** What has to be looked at now and then, since nobody tells: silent PCs, and how full the pool is. */
  async #look(): Promise<void> {
    const { log } = this.#options;
    try {
      for (const session of await this.#tunnels.dead()) {
        if (this.#told.has(session)) continue;
        this.#told.add(session);
        log.info({ session }, 'nothing heard from this PC for a while');
        this.#changes.emit('dead', session);
      }
      if (this.#storage.kind !== 'ready') return;
      this.#storage = await poolStatus();
      if (spaceProblem(this.#storage)) log.warn({ storage: this.#storage }, 'the storage is nearly full');
      else for (const desktop of this.#desktops.values()) await desktop.resumeIfPaused();
    } catch (err) {
      log.warn({ err }, 'looking after tunnels and storage');
    }
  }
}

async function openStorage({ dataDisk, log }: HostingOptions): Promise<PoolStatus> {
  let status: PoolStatus;
  try {
    status = await openPool(dataDisk === undefined ? {} : { dataDisk });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    status = {
      kind: 'unavailable',
      reason: messageOf(error).replaceAll(/\n\s*/g, '; '),
      hint: 'Look at the output of vgs, lvs and lsblk.',
    };
  }
  if (status.kind === 'ready') log.info({ storage: status }, 'storage is ready');
  else log.error({ storage: status }, 'there is no storage for desktops');
  return status;
}

/** What keeps this machine from running any desktop at all. */
function machineProblem(facts: HostFacts): HostingProblem[] {
  const problem = hostProblem(facts, { memoryMiB: 0 }, 'this server');
  return problem === undefined ? [] : [{ problem }];
}
