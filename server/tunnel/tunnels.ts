/** The server's end of all tunnels: one WireGuard interface, a peer a session. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#common/files.ts';
import type { TunnelConfig } from '#common/protocol/client-server.ts';
import { bringUp, type PeerStatus, readPeers, removePeer, setPeer } from '#common/wireguard/interface.ts';
import { checkKey, generateKeys, publicKeyOf } from '#common/wireguard/keys.ts';
import { HostingError, type TunnelRequest } from '../hosting.ts';
import { isPcAddress, nextAddress, SERVER_ADDRESS, TUNNEL_PREFIX } from './addresses.ts';

export const TUNNEL_INTERFACE = 'wg0';

/**
 * Seconds between a PC's keepalives. RFC 4787 (REQ-5) asks NATs to keep an idle UDP mapping for 2 minutes; many keep it
 * for 30 s, which is why wg(8) suggests 25. Two of ours fit into 30 s, so that one lost packet does not lose the mapping.
 */
export const KEEPALIVE_SECONDS = 15;

/**
 * Bytes, unless the settings say something else. Fits into PPPoE (1492) with IPv6 and WireGuard around it (80) and leaves
 * 32 for one more layer. A tunnel that is a little slow beats one where big packets vanish.
 */
export const TUNNEL_MTU = 1380;

/**
 * Milliseconds without a handshake after which a PC counts as gone. A PC that sends keepalives makes a new handshake
 * every 120 s (REKEY_AFTER_TIME) and tries for 90 s (REKEY_ATTEMPT_TIME; WireGuard paper, section 6.1): 300 s is more
 * than both and leaves room for a cable that was out for a minute.
 */
export const DEAD_AFTER_MS = 300_000;

interface Tunnel extends Required<TunnelRequest> {
  /** Milliseconds since the epoch: opened, or found again by this process. */
  since: number;
}

export class Tunnels {
  #bySession = new Map<string, Tunnel>();
  #privateKey: string;
  #port: number;
  #mtu: number;
  #lastAddress: string | undefined;

  private constructor(privateKey: string, port: number, mtu: number) {
    this.#privateKey = privateKey;
    this.#port = port;
    this.#mtu = mtu;
  }

  /** Reads the server's key (made at the first start) and brings the interface up, with the peers it already has. */
  static async open({ stateFolder, port, mtu }: { stateFolder: string; port: number; mtu: number }): Promise<Tunnels> {
    const tunnels = new Tunnels(await serverKey(join(stateFolder, 'wireguard.key')), port, mtu);
    const peers = await readPeers(TUNNEL_INTERFACE).catch(() => []);
    await tunnels.#apply(peers.map(({ publicKey, allowedIps }) => ({ publicKey, allowedIps })));
    return tunnels;
  }

  /** Brings the interface to exactly these tunnels. Peers that stay keep their session. */
  async restore(known: readonly Required<TunnelRequest>[]): Promise<void> {
    const now = Date.now();
    this.#bySession = new Map(
      known.filter((k) => isPcAddress(k.address)).map((k) => [k.sessionId, { ...k, since: now }]),
    );
    await this.#apply([...this.#bySession.values()].map(peerOf));
  }

  async add(request: TunnelRequest): Promise<TunnelConfig> {
    const others = [...this.#bySession.values()].filter((t) => t.sessionId !== request.sessionId);
    const taken = new Set(others.map((t) => t.address));
    if (others.some((t) => t.publicKey === checkKey(request.publicKey))) {
      throw new HostingError('conflict', 'this tunnel key is in use by another session');
    }
    const old = this.#bySession.get(request.sessionId);
    const asked = request.address ?? old?.address;
    const address =
      asked !== undefined && isPcAddress(asked) && !taken.has(asked) ? asked : nextAddress(taken, this.#lastAddress);
    if (address === undefined) throw new HostingError('unavailable', 'all tunnel addresses are in use');
    if (old && old.publicKey !== request.publicKey) await removePeer(TUNNEL_INTERFACE, old.publicKey);
    const tunnel = { ...request, address, since: Date.now() };
    // Reserved before the first await, so that two log-ins at once do not get the same address.
    this.#bySession.set(request.sessionId, tunnel);
    this.#lastAddress = address;
    try {
      await setPeer(TUNNEL_INTERFACE, peerOf(tunnel));
    } catch (error) {
      this.#bySession.delete(request.sessionId);
      throw error;
    }
    return {
      address,
      serverAddress: SERVER_ADDRESS,
      serverPublicKey: publicKeyOf(this.#privateKey),
      endpointPort: this.#port,
      keepaliveSeconds: KEEPALIVE_SECONDS,
      mtu: this.#mtu,
    };
  }

  /** Removes a session's peer. Returns the address that it had. */
  async remove(sessionId: string): Promise<string | undefined> {
    const tunnel = this.#bySession.get(sessionId);
    if (!tunnel) return undefined;
    await removePeer(TUNNEL_INTERFACE, tunnel.publicKey);
    this.#bySession.delete(sessionId);
    return tunnel.address;
  }

  hasAddress(address: string): boolean {
    return [...this.#bySession.values()].some((t) => t.address === address);
  }

  /** Sessions whose PC has not been heard of for {@link DEAD_AFTER_MS}. */
  async dead(): Promise<string[]> {
    return deadSessions([...this.#bySession.values()], await readPeers(TUNNEL_INTERFACE), Date.now());
  }

  async #apply(peers: { publicKey: string; allowedIps: string[] }[]): Promise<void> {
    await bringUp({
      name: TUNNEL_INTERFACE,
      address: `${SERVER_ADDRESS}/${TUNNEL_PREFIX}`,
      privateKey: this.#privateKey,
      listenPort: this.#port,
      mtu: this.#mtu,
      peers,
    });
  }
}

/** Pure: which tunnels had neither a handshake nor their beginning within the last {@link DEAD_AFTER_MS}. */
export function deadSessions(tunnels: readonly Tunnel[], peers: readonly PeerStatus[], now: number): string[] {
  const handshakes = new Map(peers.map((p) => [p.publicKey, p.latestHandshake]));
  return tunnels
    .filter((t) => now - Math.max(t.since, handshakes.get(t.publicKey) ?? 0) > DEAD_AFTER_MS)
    .map((t) => t.sessionId);
}

function peerOf(tunnel: { publicKey: string; address: string }): { publicKey: string; allowedIps: string[] } {
  return { publicKey: tunnel.publicKey, allowedIps: [`${tunnel.address}/32`] };
}

/** The server's private key, made once: PCs that are logged in know the public one. */
async function serverKey(path: string): Promise<string> {
  try {
    return checkKey((await readFile(path, 'utf8')).trim());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const { privateKey } = generateKeys();
    await writeFileDurably(path, `${privateKey}\n`, 0o600);
    return privateKey;
  }
}
