import { createHash } from 'node:crypto';
import type { DrbdEnd } from '#common/drbd/resource.ts';
import { diskSize } from '#common/drbd/resource.ts';
import { UserError } from '#common/errors.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import type { TunnelConfig, ViewerTicket } from '#common/protocol/client-server.ts';
import type { DesktopState } from '#common/protocol/desktop.ts';
import type { Baseline, DrbdStatus, HostCallName, HostNotice, MachineState } from '#common/protocol/host-link.ts';
import {
  type DesktopRecord,
  type Hosting,
  HostingError,
  type HostingProblem,
  type ImportRequest,
  type PeerAccess,
  type TunnelRequest,
} from '../../../server/hosting.ts';

const KEY = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

/** A Hosting without machines, for tests of the API: keeps in memory what was asked of it. */
export class MemoryHosting implements Hosting {
  readonly disks = new Set<string>();
  readonly images = new Set<string>();
  readonly tunnels = new Map<string, Required<TunnelRequest>>();
  recovered: { desktops: DesktopRecord[]; tunnels: Required<TunnelRequest>[] } | undefined;
  /** Thrown by the next call of create, importImage, openTunnel or remove. */
  failNext: Error | undefined;
  /** What {@link problems} answers. */
  broken: HostingProblem[] = [];
  readonly #states = new Map<string, DesktopState>();
  readonly #change = new Set<(id: string) => void>();
  readonly #dead = new Set<(id: string) => void>();

  async recover(known: { desktops: DesktopRecord[]; tunnels: Required<TunnelRequest>[] }): Promise<void> {
    this.recovered = known;
    for (const d of known.desktops) this.disks.add(d.id);
    this.tunnels.clear();
    for (const t of known.tunnels) this.tunnels.set(t.sessionId, t);
  }

  /** What was asked of the server as a host, in order. */
  readonly hostCalls: { call: HostCallName; args: unknown }[] = [];
  readonly peers = new Map<string, PeerAccess>();
  readonly machines = new Map<string, MachineState>();
  readonly drbd = new Map<string, DrbdStatus>();
  /** Answers of the calls that have one; a function may throw. */
  readonly hostAnswers: Partial<Record<HostCallName, (args: unknown) => unknown>> = {};
  readonly #notices = new Set<(notice: HostNotice) => void>();
  readonly host = new Proxy({} as DesktopHost, {
    get: (_, call: string) => {
      if (call === 'onNotice') {
        return (listener: (notice: HostNotice) => void) => {
          this.#notices.add(listener);
          return () => this.#notices.delete(listener);
        };
      }
      return async (args: unknown) => {
        this.hostCalls.push({ call: call as HostCallName, args });
        return (await this.hostAnswers[call as HostCallName]?.(args)) ?? {};
      };
    },
  });

  /** The server's own host tells something. */
  notice(notice: HostNotice): void {
    for (const listener of this.#notices) listener(notice);
  }

  machineState(id: string): MachineState {
    return this.machines.get(id) ?? { kind: 'none' };
  }

  drbdStatus(id: string): DrbdStatus | undefined {
    return this.drbd.get(id);
  }

  drbdEnd({ id, minor }: DesktopRecord): DrbdEnd {
    const [disk, meta] = [`/dev/flexdeploy/desk-${id}`, `/dev/flexdeploy/meta-${id}`];
    return { address: '10.86.0.1', port: 20_000 + minor, minor, disk, meta };
  }

  agentSocket(id: string): string {
    return `/nonexistent/${id}/agent.sock`;
  }

  async allowPeer(id: string, peer: PeerAccess | undefined): Promise<void> {
    if (peer) this.peers.set(id, peer);
    else this.peers.delete(id);
  }

  async discardOwn({ id }: DesktopRecord): Promise<void> {
    if (!this.disks.has(id)) throw new UserError('there is no such disk');
  }

  async baselineOf(): Promise<Baseline | undefined> {
    return { uuid: '1234567890ABCDE0', used: [{ from: 0, bytes: 1024 ** 2 }] };
  }

  async restoreOwn({ id }: DesktopRecord): Promise<void> {
    if (!this.disks.has(id)) throw new UserError('there is no such disk');
  }

  async problems(): Promise<HostingProblem[]> {
    return this.broken;
  }

  desktopState(id: string): DesktopState {
    return this.#states.get(id) ?? { kind: 'off' };
  }

  onChange(listener: (id: string) => void): () => void {
    this.#change.add(listener);
    return () => this.#change.delete(listener);
  }

  onTunnelDead(listener: (id: string) => void): () => void {
    this.#dead.add(listener);
    return () => this.#dead.delete(listener);
  }

  /** A PC has been silent for too long. */
  tunnelDies(sessionId: string): void {
    for (const listener of this.#dead) listener(sessionId);
  }

  setState(id: string, state: DesktopState): void {
    this.#states.set(id, state);
    for (const listener of this.#change) listener(id);
  }

  async create(desktop: DesktopRecord): Promise<void> {
    this.#mayFail();
    this.disks.add(desktop.id);
  }

  async start({ id }: DesktopRecord): Promise<void> {
    if (this.desktopState(id).kind !== 'running') {
      this.setState(id, { kind: 'running', since: new Date().toISOString(), viewers: 0 });
    }
  }

  async shutDown(id: string): Promise<void> {
    this.setState(id, { kind: 'off' });
  }

  async forceOff(id: string): Promise<void> {
    this.setState(id, { kind: 'off' });
  }

  async remove(id: string): Promise<void> {
    this.#mayFail();
    this.disks.delete(id);
    this.#states.delete(id);
  }

  async ticketFor(id: string, peerAddress: string): Promise<ViewerTicket> {
    if (this.desktopState(id).kind !== 'running') throw new HostingError('conflict', 'the desktop is not running');
    const expiresAt = new Date(Date.now() + 30_000).toISOString();
    return { protocol: 'spice', host: '10.86.0.1', port: 5900, password: `for ${peerAddress}`, expiresAt };
  }

  async importImage({ name, sha256, body, onProgress }: ImportRequest): Promise<{ diskBytes: number; sha256: string }> {
    this.#mayFail();
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of body) {
      hash.update(chunk);
      bytes += chunk.length;
      onProgress(bytes);
    }
    if (hash.digest('hex') !== sha256) throw new HostingError('bad_request', 'the file does not have this SHA-256');
    this.images.add(name);
    return { diskBytes: diskSize(bytes), sha256 };
  }

  async removeImage(name: string): Promise<void> {
    this.images.delete(name);
  }

  async openTunnel({ sessionId, publicKey }: TunnelRequest): Promise<TunnelConfig> {
    this.#mayFail();
    const used = new Set([...this.tunnels.values()].map((t) => t.address));
    let n = 2;
    while (used.has(`10.86.${n >> 8}.${n & 255}`)) n += 1;
    const address = `10.86.${n >> 8}.${n & 255}`;
    this.tunnels.set(sessionId, { sessionId, publicKey, address });
    return {
      address,
      serverAddress: '10.86.0.1',
      serverPublicKey: KEY,
      endpointPort: 51820,
      keepaliveSeconds: 25,
      mtu: 1420,
    };
  }

  async closeTunnel(sessionId: string): Promise<void> {
    this.tunnels.delete(sessionId);
  }

  async close(): Promise<void> {}

  #mayFail(): void {
    const error = this.failNext;
    this.failNext = undefined;
    if (error !== undefined) throw error;
  }
}
