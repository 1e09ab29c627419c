/**
 * The PC's nftables rules while it may run a desktop. A desktop's NAT lives in its QEMU process, so what the guest sends
 * looks like the PC's own: it must not reach the kiosk's page, its own screen, or the server behind the tunnel. And what
 * belongs to the tunnel is only taken from the tunnel: a move or DRBD that listens there is not for the local network.
 */
import { isIPv4 } from 'node:net';
import { UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { run } from '#common/run.ts';

export interface PcRules {
  tunnelInterface: string;
  /** Of this PC, inside the tunnel. */
  address: string;
  serverAddress: string;
  /** Numeric id of the user that desktops run as. */
  desktopUser: number;
}

/** Where desktops arrive at the server: FIRST_MIGRATION_PORT and up there; its own firewall lets one pair through. */
const ARRIVALS = '40001-59999';

const RULES_FILE = '/run/flexdeploy/rules.nft';

/** The whole table, as one transaction for `nft -f`. Pure. */
export function renderPcRules({ tunnelInterface: wg, address, serverAddress, desktopUser }: PcRules): string {
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(wg)) throw new UserError(`not an interface name: ${wg}`);
  for (const one of [address, serverAddress]) if (!isIPv4(one)) throw new UserError(`not an IPv4 address: ${one}`);
  if (!Number.isInteger(desktopUser) || desktopUser < 1) throw new UserError(`not a user id: ${desktopUser}`);
  return `table inet flexdeploy
delete table inet flexdeploy
table inet flexdeploy {
  chain input {
    type filter hook input priority filter; policy accept;
    ip daddr ${address} iifname != { "${wg}", "lo" } drop
  }

  chain output {
    type filter hook output priority filter; policy accept;
    meta skuid ${desktopUser} jump from_desktop
  }

  chain from_desktop {
    ct state established,related accept
    fib daddr type local meta l4proto { tcp, udp } th dport 53 accept comment "name resolution"
    ip daddr ${serverAddress} tcp dport ${ARRIVALS} accept comment "a desktop that is sent to the server"
    fib daddr type local reject
    oifname "${wg}" reject
  }
}
`;
}

/** Puts the rules in force, all or nothing. */
export async function applyPcRules(rules: PcRules): Promise<void> {
  await writeFileDurably(RULES_FILE, renderPcRules(rules), 0o600);
  await run(['nft', '--file', RULES_FILE], { timeoutMs: 20_000 });
}
