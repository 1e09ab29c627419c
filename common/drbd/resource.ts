/**
 * The text of a DRBD resource: one desktop's disk on the server and, perhaps, on a PC. Rendered by the server only; the
 * PC gets the same text and picks its end with `__DRBD_NODE__` (drbdadm(8) of drbd-utils 9.22 driving DRBD 8.4).
 * The policies, and who wins in which case: docs/drbd.md.
 */
import { isIP } from 'node:net';
import mustache from 'mustache';
import { UserError } from '#common/errors.ts';

/** One end of a resource. */
export interface DrbdEnd {
  /** IPv4 address inside the tunnel. */
  address: string;
  /** TCP port of this end. */
  port: number;
  /** /dev/drbdMINOR on this machine. */
  minor: number;
  /** Device that holds the data, at least `diskBytes` long. */
  disk: string;
  /** Device that holds the metadata (external, flexible size). */
  meta: string;
}

export interface DrbdResource {
  /** `desk-ID`. */
  name: string;
  server: DrbdEnd;
  /** undefined: nobody is attached; a placeholder takes its place, to which nothing connects. */
  pc: DrbdEnd | undefined;
  /** Bytes of what both ends have in common; what is behind it on either device is left alone. See {@link diskSize}. */
  diskBytes: number;
  /** A: a write is done when it is on the own disk and on its way. C: when it is on both disks. */
  protocol: 'A' | 'C';
  /** Only for the length of a move; needs protocol C. */
  twoPrimaries: boolean;
  /** Both ends prove that they know it before anything is exchanged. */
  secret: string;
  /** Most that a resync may send, KiB a second; no limit unless given. */
  limitKiBps?: number;
  /** Resync in pieces of at most this many bytes, of which those that are all zero are not sent; off unless given. */
  discardGranularityBytes?: number;
  /**
   * Compare by checksum before sending: for a disk that probably holds most of the data already. Zeros that differ are
   * sent like anything else then, and `discardGranularityBytes` is the size of what is compared.
   */
  compare?: boolean;
  /**
   * A Primary that loses its peer stands still until the peer is back, instead of going on alone: for as long as it is
   * not written down that it may go on alone. Needs protocol C.
   */
  freezeWithoutPeer?: boolean;
}

export type DrbdNode = 'server' | 'pc';

/** Bytes that a bit of DRBD's bitmap stands for (drbd_int.h, BM_BLOCK_SHIFT). */
export const BIT_BYTES = 4096;
/** Bytes that a word of it stands for. */
export const WORD_BYTES = 64 * BIT_BYTES;
const SECTOR = 512;

/**
 * Pure: the size of a disk that holds so many bytes. One bit more than whole words of the bitmap: where the last word is a
 * full one, the kernel (8.4.11) takes it for empty each time it reads the bitmap from the disk (drbd_bitmap.c,
 * bm_count_bits: a mask of no bits), and what was out of sync in a disk's last 256 KiB is forgotten.
 */
export function diskSize(bytes: number): number {
  return Math.ceil(bytes / WORD_BYTES) * WORD_BYTES + BIT_BYTES;
}

/** TEST-NET-1 (RFC 5737): nobody is there. */
const NOBODY: DrbdEnd = { address: '192.0.2.1', port: 1, minor: 0, disk: '/dev/null', meta: '/dev/null' };

/** MiB a second that a resync without limit asks for: more than any disk. The controller's defaults throttle 12 times. */
const NO_LIMIT = '4000M';

/**
 * 4 MiB each, a prime as the hash likes it. What has to be copied again after a crash of a Primary: 2.8 GiB, 4 minutes
 * at 100 Mbit/s.
 */
const AL_EXTENTS = 727;

const TEMPLATE = `# Written by FlexDeploy and replaced whenever something changes.
resource {{name}} {
  options {
    on-no-data-accessible suspend-io;
  }
  net {
    protocol {{protocol}};
    allow-two-primaries {{twoPrimaries}};
    cram-hmac-alg sha256;
    shared-secret "{{secret}}";
    after-sb-0pri discard-zero-changes;
    after-sb-1pri discard-secondary;
    after-sb-2pri disconnect;
    rr-conflict disconnect;
    on-congestion {{onCongestion}};
    congestion-fill 4M;
    sndbuf-size 10M;
    max-buffers 8000;
    ping-int 5;
    ping-timeout 30;
    connect-int 3;
    verify-alg sha256;
{{#compare}}
    csums-alg sha256;
{{/compare}}
  }
  disk {
    size {{sectors}}s;
    fencing {{fencing}};
    al-extents {{alExtents}};
    c-plan-ahead 0;
    resync-rate {{rate}};
    c-min-rate {{minRate}};
{{#granularity}}
    rs-discard-granularity {{granularity}};
{{/granularity}}
  }
{{#ends}}
  on {{node}} {
    address ipv4 {{address}}:{{port}};
    volume 0 {
      device /dev/drbd{{minor}} minor {{minor}};
      disk {{disk}};
      flexible-meta-disk {{meta}};
      disk {
        on-io-error {{onIoError}};
        discard-zeroes-if-aligned {{discardZeroes}};
      }
    }
  }
{{/ends}}
}
`;

/**
 * The resource file. Whatever is asked for, a limit stays a limit on resync only: what the desktop writes goes out as it
 * comes, and pulls ahead when the link cannot follow.
 * @throws UserError for values that the format cannot hold, or that contradict each other
 */
export function renderResource(resource: DrbdResource): string {
  const { protocol, twoPrimaries, limitKiBps, discardGranularityBytes } = resource;
  if (twoPrimaries && protocol !== 'C') throw new UserError('two primaries need protocol C');
  if (resource.freezeWithoutPeer && protocol !== 'C') throw new UserError('freezing without the peer needs protocol C');
  const view = {
    name: matching(resource.name, /^[a-z][a-z0-9-]{0,63}$/, 'resource name'),
    protocol,
    sectors: number(resource.diskBytes / SECTOR, 1, Number.MAX_SAFE_INTEGER, 'size in sectors'),
    twoPrimaries: twoPrimaries ? 'yes' : 'no',
    // SHARED_SECRET_MAX is 64 (drbd_limits.h)
    secret: matching(resource.secret, /^[A-Za-z0-9+/=_-]{16,63}$/, 'secret'),
    // the kernel refuses anything but `block` for protocol C
    onCongestion: protocol === 'A' ? 'pull-ahead' : 'block',
    // no handler answers for us (module option usermode_helper), so that I/O stays frozen until the next connection
    fencing: resource.freezeWithoutPeer ? 'resource-and-stonith' : 'dont-care',
    compare: resource.compare === true,
    alExtents: AL_EXTENTS,
    rate: limitKiBps === undefined ? NO_LIMIT : `${number(limitKiBps, 1, 4_194_304, 'limit')}K`,
    minRate: limitKiBps === undefined ? '40M' : '0',
    granularity:
      discardGranularityBytes === undefined
        ? ''
        : number(discardGranularityBytes, 4096, 1_048_576, 'discard granularity'),
    ends: [
      { ...end(resource.server), node: 'server', onIoError: 'pass_on', discardZeroes: 'yes' },
      { ...end(resource.pc ?? NOBODY), node: 'pc', onIoError: 'detach', discardZeroes: 'no' },
    ],
  };
  return mustache.render(TEMPLATE, view, {}, { escape: escapeValue });
}

/** Whether the text names a peer, and not the placeholder for none. */
export function hasPeer(text: string): boolean {
  return !text.includes(` ${NOBODY.address}:`);
}

function end({ address, port, minor, disk, meta }: DrbdEnd) {
  if (isIP(address) !== 4) throw new UserError(`not an IPv4 address: ${address}`);
  return {
    address,
    port: number(port, 1, 65_535, 'port'),
    minor: number(minor, 0, 0xf_ffff, 'minor'),
    disk: device(disk),
    meta: device(meta),
  };
}

function device(path: string): string {
  return matching(path, /^\/dev\/[A-Za-z0-9][A-Za-z0-9._/-]{0,200}$/, 'device');
}

function number(value: number, least: number, most: number, what: string): number {
  if (!Number.isInteger(value) || value < least || value > most) throw new UserError(`not a ${what}: ${value}`);
  return value;
}

function matching(value: string, pattern: RegExp, what: string): string {
  if (!pattern.test(value)) throw new UserError(`not a ${what}: ${what === 'secret' ? '(hidden)' : value}`);
  return value;
}

/** The last door: whatever reaches the text is a word of this format, or nothing is written. */
function escapeValue(value: unknown): string {
  const text = String(value);
  if (!/^[A-Za-z0-9+=_./-]*$/.test(text)) throw new UserError('a value that a DRBD resource cannot hold');
  return text;
}
