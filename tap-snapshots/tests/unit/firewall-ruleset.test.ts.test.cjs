/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`tests/unit/firewall-ruleset.test.ts > TAP > the whole table > must match snapshot 1`] = `
table inet flexdeploy
delete table inet flexdeploy
table inet flexdeploy {
  set viewers {
    type ipv4_addr . inet_service
    elements = { 10.86.0.2 . 5900, 10.86.1.9 . 5901 }
  }
  set peers {
    type ipv4_addr . inet_service
    elements = { 10.86.0.2 . 20001 }
  }
  set departures {
    type ipv4_addr . inet_service
    elements = { 10.86.0.2 . 40000 }
  }

  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    # Before "established": taking an opening away cuts what runs through it.
    iifname "wg0" jump from_tunnel
    ip daddr 10.86.0.0/16 drop comment "the tunnel's addresses are only reached through the tunnel"
    ct state established,related accept
    ct state invalid drop
    tcp dport { 443, 22 } accept
    udp dport 51820 accept
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
    iifname "wg0" drop
    oifname "wg0" drop
  }

  chain output {
    type filter hook output priority filter; policy accept;
    meta skuid 801 jump from_desktops
  }

  # A desktop's NAT lives in its QEMU process, so what it sends looks like ours: it must not get what only we may.
  chain from_desktops {
    ct state established,related accept
    fib daddr type local meta l4proto { tcp, udp } th dport 53 accept comment "name resolution"
    ip daddr . tcp dport @departures accept comment "a desktop that is sent to its PC"
    fib daddr type local reject
    ip daddr 10.86.0.0/16 reject
  }
}

`
