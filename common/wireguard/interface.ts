/**
 * One WireGuard interface, made and changed with `ip` and `wg` (packages iproute2 and wireguard-tools). The server has
 * one for all PCs, a PC has one to its server. Needs root (CAP_NET_ADMIN).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';
import { checkKey } from './keys.ts';

export interface Peer {
  publicKey: string;
  /** Addresses inside the tunnel that this peer may use and is reached by, `10.86.0.2/32`. */
  allowedIps: readonly string[];
  /** Where to send; only one of the two ends needs to know. A host name is resolved by `wg`, once. */
  endpoint?: { host: string; port: number };
  /** Sends an empty packet this often, so that a NAT on the way keeps its entry. */
  keepaliveSeconds?: number;
}

export interface InterfaceConfig {
  /** Kernel name, `wg0`. */
  name: string;
  /** Own address with the prefix length of the tunnel network, `10.86.0.1/16`. */
  address: string;
  privateKey: string;
  /** UDP port; the kernel chooses a free one unless given. */
  listenPort?: number;
  /** Bytes; 1420 (what IPv6 on Ethernet leaves) unless told. */
  mtu?: number;
  peers: readonly Peer[];
}

/** What the kernel says about a peer. */
export interface PeerStatus {
  publicKey: string;
  endpoint: string | undefined;
  allowedIps: string[];
  /** Milliseconds since the epoch; undefined before the first handshake. */
  latestHandshake: number | undefined;
  receivedBytes: number;
  sentBytes: number;
}

/** The configuration as `wg setconf` reads it. Refuses values that the format cannot hold. */
export function renderConfig(config: InterfaceConfig): string {
  const lines = ['[Interface]', `PrivateKey = ${checkKey(config.privateKey)}`];
  if (config.listenPort !== undefined) lines.push(`ListenPort = ${checkPort(config.listenPort)}`);
  for (const peer of config.peers) {
    lines.push('', '[Peer]', `PublicKey = ${checkKey(peer.publicKey)}`);
    lines.push(`AllowedIPs = ${peer.allowedIps.map(checkCidr).join(', ')}`);
    if (peer.endpoint) lines.push(`Endpoint = ${endpointText(peer.endpoint)}`);
    if (peer.keepaliveSeconds) lines.push(`PersistentKeepalive = ${checkPort(peer.keepaliveSeconds)}`);
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Makes the interface if it is missing, and gives it exactly this key, address and set of peers. Idempotent; peers
 * that stay keep their session.
 */
export async function bringUp(config: InterfaceConfig, signal?: AbortSignal): Promise<void> {
  const name = checkName(config.name);
  const text = renderConfig(config);
  const options = signal ? { signal } : {};
  if (!(await exists(name))) {
    await run(['ip', 'link', 'add', 'dev', name, 'type', 'wireguard'], options);
  }
  // A file, not /dev/stdin: Node gives children a socket as standard input, and a socket cannot be opened by path.
  const folder = await mkdtemp('/run/flexdeploy-wg-'); // mkdtemp makes it 0700
  try {
    const file = join(folder, 'conf');
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
    await run(['wg', 'syncconf', name, file], options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await run(['ip', 'address', 'replace', checkCidr(config.address), 'dev', name], options);
  await run(['ip', 'link', 'set', 'dev', name, 'mtu', String(config.mtu ?? 1420), 'up'], options);
}

/** Removes the interface. Nothing happens if there is none. */
export async function takeDown(name: string): Promise<void> {
  if (await exists(checkName(name))) await run(['ip', 'link', 'delete', 'dev', name]);
}

/** Adds a peer, or changes the one with this key. */
export async function setPeer(name: string, peer: Peer): Promise<void> {
  const argv: [string, ...string[]] = ['wg', 'set', checkName(name), 'peer', checkKey(peer.publicKey)];
  argv.push('allowed-ips', peer.allowedIps.map(checkCidr).join(','));
  if (peer.endpoint) argv.push('endpoint', endpointText(peer.endpoint));
  if (peer.keepaliveSeconds) argv.push('persistent-keepalive', String(checkPort(peer.keepaliveSeconds)));
  await run(argv);
}

/** Removes a peer: what it sends is dropped from now on. Nothing happens if it is not there. */
export async function removePeer(name: string, publicKey: string): Promise<void> {
  await run(['wg', 'set', checkName(name), 'peer', checkKey(publicKey), 'remove']);
}

/** All peers of an interface, as the kernel sees them now. */
export async function readPeers(name: string): Promise<PeerStatus[]> {
  const { stdout } = await run(['wg', 'show', checkName(name), 'dump'], { timeoutMs: 10_000 });
  return parseDump(stdout);
}

/** Parses `wg show NAME dump` (wg(8)): a line for the interface, which is left out (it holds the key), a line a peer. */
export function parseDump(dump: string): PeerStatus[] {
  return dump
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [publicKey = '', , endpoint = '', allowed = '', handshake = '0', received = '0', sent = '0'] =
        line.split('\t');
      return {
        publicKey,
        endpoint: endpoint === '(none)' ? undefined : endpoint,
        allowedIps: allowed === '(none)' ? [] : allowed.split(','),
        latestHandshake: handshake === '0' ? undefined : Number(handshake) * 1000,
        receivedBytes: Number(received),
        sentBytes: Number(sent),
      };
    });
}

async function exists(name: string): Promise<boolean> {
  const { code } = await run(['ip', 'link', 'show', 'dev', name], { okExitCodes: [0, 1], timeoutMs: 10_000 });
  return code === 0;
}

/** IFNAMSIZ is 16 with the final zero; the pattern keeps options and paths out. */
function checkName(name: string): string {
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(name)) throw new UserError(`not an interface name: ${name}`);
  return name;
}

function checkCidr(cidr: string): string {
  const [address = '', prefix = '', rest] = cidr.split('/');
  const version = isIP(address);
  const fits = /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
  if (version === 0 || !fits || rest !== undefined) throw new UserError(`not an address with prefix length: ${cidr}`);
  return cidr;
}

function checkPort(value: number): number {
  if (!Number.isInteger(value) || value < 1 || value > 65535) throw new UserError(`out of range: ${value}`);
  return value;
}

function endpointText({ host, port }: { host: string; port: number }): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) === 6) return `[${bare}]:${checkPort(port)}`;
  if (!/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(bare)) throw new UserError(`not a host: ${host}`);
  return `${bare}:${checkPort(port)}`;
}
