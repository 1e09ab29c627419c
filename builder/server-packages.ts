/**
 * What the server process needs from Debian, on the appliance as on a host that is already there
 * (`server/install.sh` reads this file; one package a line).
 */
export const SERVER_PACKAGES: readonly string[] = [
  // begin
  'ca-certificates',
  'drbd-utils',
  'iproute2',
  'kmod',
  'lvm2',
  'nftables',
  'openssl',
  'ovmf',
  'procps',
  'qemu-system-modules-spice',
  'qemu-system-x86',
  'qemu-utils',
  'seabios',
  'thin-provisioning-tools',
  'wireguard-tools',
  // end
];
