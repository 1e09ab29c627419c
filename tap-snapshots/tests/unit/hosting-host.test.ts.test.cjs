/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`tests/unit/hosting-host.test.ts > TAP > the PC's rules > must match snapshot 1`] = `
table inet flexdeploy
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
    ip daddr @own iifname != { "flexdeploy0", "lo" } drop
  }

  chain output {
    type filter hook output priority filter; policy accept;
    meta skuid 801 jump from_desktop
  }

  chain from_desktop {
    ct state established,related accept
    fib daddr type local meta l4proto { tcp, udp } th dport 53 accept comment "name resolution"
    ip daddr @server tcp dport 40001-59999 accept comment "a desktop that is sent to the server"
    fib daddr type local reject
    oifname "flexdeploy0" reject
  }
}

`

exports[`tests/unit/hosting-host.test.ts > TAP > the PC's rules > must match snapshot 2`] = `
flush set inet flexdeploy own
flush set inet flexdeploy server
add element inet flexdeploy own { 10.86.0.2 }
add element inet flexdeploy server { 10.86.0.1 }

`
