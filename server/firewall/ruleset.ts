/**
 * The server's nftables rules. Only our own table is touched; rules of others on the same machine stay. The sets hold
 * pairs of tunnel address and TCP port: `viewers` who may connect to which screen, `peers` which PC to the DRBD of its
 * desktop and to one that is to arrive from it, `departures` where a desktop may be sent to.
 */
import { isIPv4 } from 'node:net';
import { UserError } from '#common/errors.ts';

export interface Opening {
  /** The PC's address inside the tunnel. */
  peer: string;
  /** TCP port: here, or there for `departures`. */
  port: number;
}

export type OpeningSet = 'viewers' | 'peers' | 'departures';

export interface Rules {
  tunnelInterface: string;
  /** The tunnel network, `10.86.0.0/16`. */
  tunnelNetwork: string;
  /** UDP. */
  tunnelPort: number;
  /** HTTPS of the API, and what an administrator adds (22 for SSH). TCP. */
  openTcpPorts: readonly number[];
  /** Numeric id of the user that desktops run as. */
  desktopUser: number;
  openings: Readonly<Record<OpeningSet, readonly Opening[]>>;
}

export const TABLE = 'flexdeploy';

/** The whole table, as one transaction for `nft -f`: the old one stays in force until the new one is. */
export function renderRules(rules: Rules): string {
  const { tunnelInterface: wg, tunnelNetwork: net } = rules;
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(wg)) throw new UserError(`not an interface name: ${wg}`);
  if (!/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/.test(net)) throw new UserError(`not a network: ${net}`);
  const tcp = [...new Set(rules.openTcpPorts)].map(checkPort).join(', ');
  return `table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
${renderSet('viewers', rules)}
${renderSet('peers', rules)}
${renderSet('departures', rules)}

  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    # Before "established": taking an opening away cuts what runs through it.
    iifname "${wg}" jump from_tunnel
    ip daddr ${net} drop comment "the tunnel's addresses are only reached through the tunnel"
    ct state established,related accept
    ct state invalid drop
    tcp dport { ${tcp} } accept
    udp dport ${checkPort(rules.tunnelPort)} accept
    udp sport 67 udp dport 68 accept comment "DHCP"
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, packet-too-big } accept
    icmp type echo-request limit rate 20/second accept
    icmpv6 type echo-request limit rate 20/second accept
  }

  chain from_tunnel {
    ip saddr . tcp dport @viewers accept
    ip saddr . tcp dport @peers accept
    ct direction reply ct state established accept
    ct state related accept
    drop
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${wg}" drop
    oifname "${wg}" drop
  }

  chain output {
    type filter hook output priority filter; policy accept;
    meta skuid ${checkId(rules.desktopUser)} jump from_desktops
  }

  # A desktop's NAT lives in its QEMU process, so what it sends looks like ours: it must not get what only we may.
  chain from_desktops {
    ct state established,related accept
    fib daddr type local meta l4proto { tcp, udp } th dport 53 accept comment "name resolution"
    ip daddr . tcp dport @departures accept comment "a desktop that is sent to its PC"
    fib daddr type local reject
    ip daddr ${net} reject
  }
}
`;
}

function renderSet(name: OpeningSet, { openings }: Rules): string {
  const elements = openings[name].map(elementOf);
  return `  set ${name} {
    type ipv4_addr . inet_service
    ${elements.length > 0 ? `elements = { ${elements.join(', ')} }` : ''}
  }`;
}

/** A pair as an element of a set. */
export function elementOf({ peer, port }: Opening): string {
  if (!isIPv4(peer)) throw new UserError(`not an IPv4 address: ${peer}`);
  return `${peer} . ${checkPort(port)}`;
}

function checkPort(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new UserError(`not a port: ${port}`);
  return port;
}

function checkId(id: number): number {
  if (!Number.isInteger(id) || id < 0) throw new UserError(`not a user id: ${id}`);
  return id;
}
