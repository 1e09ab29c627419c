/**
 * The PC's nftables rules. A desktop's NAT lives in its QEMU process, so what the guest sends looks like the PC's own: it
 * must not reach the kiosk's page, its own screen, or the server behind the tunnel. And what belongs to the tunnel is
 * only taken from the tunnel: a move or DRBD that listens there is not for the local network.
 *
 * The chains are made once, before there is traffic; who is who in the tunnel is put into sets later on.
 */
import { isIPv4 } from 'node:net';
import { UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { run } from '#common/run.ts';

/** Ports at the server where desktops arrive (40000 and the desktop's number); its own firewall lets one pair through. */
const ARRIVALS = '40001-59999';

/** Milliseconds. The first time the kernel's modules are loaded. */
const LOAD_LIMIT = 60_000;

const RULES_FILE = '/run/flexdeploy/rules.nft';
const TUNNEL_FILE = '/run/flexdeploy/tunnel.nft';

/** The whole table, as one transaction for `nft -f`. Pure. @param desktopUser id of the user that desktops run as */
export function renderPcRules(wg: string, desktopUser: number): string {
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(wg)) throw new UserError(`not an interface name: ${wg}`);
  if (!Number.isInteger(desktopUser) || desktopUser < 1) throw new UserError(`not a user id: ${desktopUser}`);
  return `table inet flexdeploy
delete table inet flexdeploy
table inet flexdeploy {
  set own {
    type ipv4_addr
  }

  set server {
    type ipv4_addr
  }

  chain input {
    type filter hook input priority filter; policy accept;
    ip daddr @own iifname != { "${wg}", "lo" } drop
  }

  chain output {
    type filter hook output priority filter; policy accept;
    meta skuid ${desktopUser} jump from_desktop
  }

  chain from_desktop {
    ct state established,related accept
    fib daddr type local meta l4proto { tcp, udp } th dport 53 accept comment "name resolution"
    ip daddr @server tcp dport ${ARRIVALS} accept comment "a desktop that is sent to the server"
    fib daddr type local reject
    oifname "${wg}" reject
  }
}
`;
}

/** Who is who in the tunnel, as a transaction. Pure. */
export function renderTunnel({ address, serverAddress }: { address: string; serverAddress: string }): string {
  for (const one of [address, serverAddress]) if (!isIPv4(one)) throw new UserError(`not an IPv4 address: ${one}`);
  return `flush set inet flexdeploy own
flush set inet flexdeploy server
add element inet flexdeploy own { ${address} }
add element inet flexdeploy server { ${serverAddress} }
`;
}

/** Puts the rules in force, all or nothing. */
export async function applyPcRules(tunnelInterface: string, desktopUser: number): Promise<void> {
  await load(RULES_FILE, renderPcRules(tunnelInterface, desktopUser));
}

export async function applyTunnel(tunnel: { address: string; serverAddress: string }): Promise<void> {
  await load(TUNNEL_FILE, renderTunnel(tunnel));
}

/** A file, because nft opens "-" as /dev/stdin, which is a socket for a child of Node and cannot be opened. */
async function load(file: string, text: string): Promise<void> {
  await writeFileDurably(file, text, 0o600);
  await run(['nft', '--file', file], { timeoutMs: LOAD_LIMIT });
}
