/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`tests/unit/drbd-resource.test.ts > TAP > the text of an attached desktop > must match snapshot 1`] = `
# Written by FlexDeploy and replaced whenever something changes.
resource desk-0123456789abcdef {
  options {
    on-no-data-accessible suspend-io;
  }
  net {
    protocol A;
    allow-two-primaries no;
    cram-hmac-alg sha256;
    shared-secret "bm90IGEgc2VjcmV0LCBhIHRlc3Q";
    after-sb-0pri discard-zero-changes;
    after-sb-1pri discard-secondary;
    after-sb-2pri disconnect;
    rr-conflict disconnect;
    on-congestion pull-ahead;
    congestion-fill 4M;
    sndbuf-size 10M;
    max-buffers 8000;
    ping-int 5;
    ping-timeout 30;
    connect-int 3;
    verify-alg sha256;
  }
  disk {
    size 41943048s;
    fencing dont-care;
    al-extents 727;
    c-plan-ahead 0;
    resync-rate 4000M;
    c-min-rate 40M;
    rs-discard-granularity 65536;
  }
  on server {
    address ipv4 10.86.0.1:20007;
    volume 0 {
      device /dev/drbd7 minor 7;
      disk /dev/flexdeploy/desk-0123456789abcdef;
      flexible-meta-disk /dev/flexdeploy/meta-0123456789abcdef;
      disk {
        on-io-error pass_on;
        discard-zeroes-if-aligned yes;
      }
    }
  }
  on pc {
    address ipv4 10.86.0.9:20007;
    volume 0 {
      device /dev/drbd0 minor 0;
      disk /dev/mapper/flexdeploy-disk;
      flexible-meta-disk /dev/ram0;
      disk {
        on-io-error detach;
        discard-zeroes-if-aligned no;
      }
    }
  }
}

`
