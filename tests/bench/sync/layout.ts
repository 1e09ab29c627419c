/** Where both ends of the first sync are, for who measures from outside and for what runs inside. */
export const DISK_GIB = 10;
/** MiB that both devices are longer: a disk is a bit longer than whole words of DRBD's bitmap (common/drbd/resource.ts). */
export const SPARE_MIB = 4;
/** Of the server's volumes: `disk` (thin, in the pool `pool`) and `meta`. */
export const GROUP = 'bench';
export const ENDS = {
  server: { address: '127.9.0.1', port: 21001, minor: 101, disk: '/dev/bench/disk', meta: '/dev/bench/meta' },
  pc: { address: '127.9.0.2', port: 21001, minor: 102, disk: '/dev/mapper/pc-disk', meta: '/dev/ram0' },
} as const;
