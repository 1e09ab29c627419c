/** What both ends of DRBD are told, and what the firewall lets in, from what is known of a pair. */
import { renderResource } from '#common/drbd/resource.ts';
import type { AttachmentRow } from '../database/schema.ts';
import type { PeerAccess } from '../hosting.ts';
import { recordOf } from '../inventory/record.ts';
import type { Pair } from './pair.ts';
import type { PairRecord } from './store.ts';

/** DRBD's TCP port is this plus the desktop's minor number, on both ends. */
const DRBD_PORT_BASE = 20_000;
/** The PC's end is the same for every desktop: it has one at a time (common/protocol/host-link.ts). */
const PC_END = { minor: 0, disk: '/dev/mapper/flexdeploy-disk', meta: '/dev/ram0' };
/** Bytes: the block size of our thin pool, so that a discarded block is a free one. */
const DISCARD_BYTES = 65_536;
/**
 * KiB a second that a resync gets while memory is copied over the same link: as good as nothing. Seen on a slow link:
 * with half of it each, a move took five times as long.
 */
const MOVE_LIMIT_KIBPS = 64;
/** Of a pair that never was; DRBD wants one. Nobody can connect to such a resource, whatever they know. */
const NO_SECRET = '0'.repeat(32);

/**
 * - `usual`: one primary. Protocol A, but C and frozen without peer as long as the PC holds the desktop and is not known
 *   to have every block: then the server has every write that was acknowledged, and can go on if the PC is lost.
 * - `move`: protocol C and two primaries. `freezePc`: the PC's end is to freeze without the server, since it lacks blocks
 *   (or may lack some) and is about to hold the desktop. The server's end must not: it may have to go on alone.
 */
export type Mode = { kind: 'usual' } | { kind: 'move'; freezePc: boolean; at: 'server' | 'pc' };

/** Whether the resource has the PC's end: it is attached, or is to be. */
function withPc({ desktop, attachment }: PairRecord): boolean {
  return desktop.holder_pc !== null || attachment !== undefined;
}

/** Where the PC's end is. `none`: there is none, or it must not get through. */
export type PcEnd = { kind: 'none' } | { kind: 'unknown' } | { kind: 'at'; address: string; row: AttachmentRow };

export function pcEnd(pair: Pair, record: PairRecord): PcEnd {
  const { host } = pair;
  const row = record.known.find((a) => a.pc === host?.pc);
  // A PC that the server went on without must not get through with what it still knows.
  if (!withPc(record) || (row?.renew === 1 && host?.address === undefined)) return { kind: 'none' };
  const address = host?.lastAddress;
  return address === undefined || !row ? { kind: 'unknown' } : { kind: 'at', address, row };
}

/** The text for both ends; undefined as long as the PC's address is not known, so that nothing is changed then. */
export async function resourceText(
  pair: Pair,
  record: PairRecord,
  mode: Mode = { kind: 'usual' },
): Promise<string | undefined> {
  const { desktop } = record;
  const common = {
    name: `desk-${desktop.id}`,
    server: pair.context.hosting.drbdEnd(recordOf(desktop)),
    diskBytes: desktop.disk_bytes,
    discardGranularityBytes: DISCARD_BYTES,
  };
  const end = pcEnd(pair, record);
  if (end.kind === 'unknown') return undefined;
  if (end.kind === 'none') {
    return renderResource({ ...common, pc: undefined, protocol: 'A', twoPrimaries: false, secret: NO_SECRET });
  }
  const { address, row } = end;
  const incomplete = desktop.holder_pc !== null && desktop.holder_complete === 0;
  const limitKiBps = mode.kind === 'move' ? MOVE_LIMIT_KIBPS : await pair.context.limitOf(record);
  return renderResource({
    ...common,
    pc: { address, port: DRBD_PORT_BASE + desktop.minor, ...PC_END },
    secret: row.secret,
    protocol: mode.kind === 'move' || incomplete ? 'C' : 'A',
    twoPrimaries: mode.kind === 'move',
    freezeWithoutPeer: mode.kind === 'usual' ? incomplete : mode.at === 'pc' && mode.freezePc,
    compare: row.compare === 1,
    ...(limitKiBps !== undefined && { limitKiBps }),
  });
}

/** What the firewall is to let in for this PC: nothing but DRBD, outside of a move. */
export function openingsFor(address: string, move?: 'incoming' | { outgoingPort: number }): PeerAccess {
  return {
    address,
    drbd: true,
    incoming: move === 'incoming',
    ...(typeof move === 'object' && { outgoingPort: move.outgoingPort }),
  };
}
