/** What people are shown of a desktop and its PC. Nothing here waits or asks anybody. */
import { syncStateOf } from '#common/drbd/progress.ts';
import type { MachineFacts } from '#common/protocol/client-server.ts';
import type {
  Attachment,
  Desktop,
  DesktopState,
  DiskIdentity,
  Holder,
  KnownDisk,
  SyncState,
} from '#common/protocol/desktop.ts';
import type { AttachmentRow, PcRow } from '../database/schema.ts';
import { pinsOf } from '../inventory/pcs.ts';
import { whyNot } from '../moves/local-host.ts';
import type { Pair } from './pair.ts';
import { diskOf, type PairRecord } from './store.ts';

type Pcs = ReadonlyMap<string, PcRow>;
type PairView = Pick<Desktop, 'holder' | 'attachment' | 'knownDisks'>;

export function viewOf(pair: Pair, record: PairRecord, pcs: Pcs): PairView {
  const holder = holderOf(pair, record, pcs);
  const attachment = attachmentOf(pair, record, pcs);
  const knownDisks = knownDisksOf(pair, record, pcs);
  return {
    ...(holder && { holder }),
    ...(attachment && { attachment }),
    ...(knownDisks.length > 0 && { knownDisks }),
  };
}

/** The state of a desktop that a PC holds, as last heard. */
export function stateOnPc(pair: Pair, record: PairRecord): DesktopState {
  const machine = pair.memory.pcAttached?.machine;
  const { desktop } = record;
  const since = iso(desktop.holder_since ?? desktop.created_at);
  const { startingSince } = pair.memory;
  if (startingSince !== undefined && machine?.kind !== 'running') {
    return { kind: 'starting', since: iso(startingSince), step: 'Switching the desktop on' };
  }
  switch (machine?.kind) {
    case 'running':
      return { kind: 'running', since: machine.since, viewers: 0 };
    case 'migrating':
    case 'sent':
      return { kind: 'running', since, viewers: 0 };
    case 'arrived':
    case 'incoming':
      return { kind: 'starting', since, step: 'The desktop is arriving' };
    case 'failed':
      return { kind: 'failed', at: since, reason: machine.reason };
    case 'none':
    case undefined:
      return { kind: 'off' };
    default:
      return machine satisfies never;
  }
}

function holderOf(pair: Pair, { desktop }: PairRecord, pcs: Pcs): Holder | undefined {
  const { holder_pc, holder_since, generation } = desktop;
  if (holder_pc === null) return undefined;
  const { host } = pair;
  const reachable = host?.address !== undefined;
  const lastContactAt = reachable ? undefined : (host?.lastContactAt ?? pcs.get(holder_pc)?.last_seen_at);
  return {
    pc: pcOf(holder_pc, pcs),
    since: iso(holder_since ?? 0),
    generation,
    reachable,
    ...(lastContactAt !== undefined && { lastContactAt: iso(lastContactAt) }),
  };
}

function attachmentOf(pair: Pair, record: PairRecord, pcs: Pcs): Attachment | undefined {
  const row = shownRow(pair, record);
  if (!row) return undefined;
  const { desktop } = record;
  const held = desktop.holder_pc === row.pc;
  const complete = held ? desktop.holder_complete === 1 : pair.serverDrbd?.peerDisk === 'UpToDate';
  const reason = held ? undefined : whyNotHere(pair, record);
  return {
    pc: pcOf(row.pc, pcs),
    disk: diskOf(row),
    state: stateOf(pair, record, row),
    complete,
    ...(row.limit_kibps !== null && { limitKiBps: row.limit_kibps }),
    localHost: { possible: reason === undefined, ...(reason !== undefined && { reason }) },
  };
}

/** The PC that is attached, or one that is still leaving. */
function shownRow({ host, memory }: Pair, { attachment, known }: PairRecord): AttachmentRow | undefined {
  if (attachment) return attachment;
  return memory.pcAttached && host?.address !== undefined ? known.find((a) => a.pc === host.pc) : undefined;
}

/** Why the desktop could not run on the PC it is attached to; undefined: it could. */
export function whyNotHere(pair: Pair, { desktop }: PairRecord): string | undefined {
  const { memory } = pair;
  const here = whyNot(memory.localHost, desktop.memory_mib, 'this PC');
  if (here !== undefined) return here;
  if (!memory.pcAttached) return 'the disk of this PC is not ready yet';
  if (pair.serverDrbd?.connection !== 'Connected') return 'the disks of server and PC are not connected';
  return undefined;
}

function stateOf(pair: Pair, { desktop }: PairRecord, row: AttachmentRow): SyncState {
  const { host, memory, failure, doing } = pair;
  const reachable = host?.address !== undefined;
  if (row.wanted === 'detached') return { kind: 'detaching' };
  if (failure) {
    const { message, hint } = failure;
    return { kind: 'failed', reason: message, ...(hint !== undefined && { hint }) };
  }
  const status = pair.serverDrbd;
  if (status?.connection === 'Connected' && (memory.pcAttached || !reachable)) {
    return syncStateOf({
      status,
      diskBytes: desktop.disk_bytes,
      samples: memory.samples,
      paused: row.paused === 1,
      disconnectedSince: iso(memory.disconnectedSince),
    });
  }
  if (reachable && memory.pcAttached && status?.connection === 'StandAlone') {
    return {
      kind: 'failed',
      reason: 'the disks of server and PC refuse each other',
      hint: 'It is tried again by itself. If this stays, detach the disk and attach it again.',
    };
  }
  if (!reachable) return { kind: 'disconnected', since: iso(memory.disconnectedSince) };
  if (desktop.holder_pc === row.pc && memory.pcAttached) {
    return { kind: 'disconnected', since: iso(memory.disconnectedSince) };
  }
  if (memory.emptied !== undefined) {
    return { kind: 'preparing', step: 'Making the disk of the PC empty', percent: memory.emptied };
  }
  return { kind: 'preparing', step: doing ?? 'Connecting the disks of server and PC' };
}

function knownDisksOf(pair: Pair, { known, desktop }: PairRecord, pcs: Pcs): KnownDisk[] {
  const used = known
    .filter((row) => row.written === 1 || row.aside_at !== null)
    .map((row) => ({
      pc: pcOf(row.pc, pcs),
      disk: diskOf(row),
      pinned: isPinned(pcs.get(row.pc), row),
      lastUsedAt: iso(row.used_at),
      ...(row.aside_at !== null && { aside: { since: iso(row.aside_at), text: row.aside_text ?? '' } }),
    }));
  return [...used, ...pinnedDisks(pair.context.hosts.connectedOf(desktop.owner), used, pcs)];
}

/** Disks that an administrator pinned, in the PCs that are connected now. */
export function pinnedDisks(hosts: readonly { pc: string }[], besides: readonly KnownDisk[], pcs: Pcs): KnownDisk[] {
  return hosts.flatMap(({ pc }) => {
    const row = pcs.get(pc);
    const disks = row ? (JSON.parse(row.disks) as MachineFacts['disks']) : [];
    return disks
      .filter((d) => isPinned(row, d) && !d.removable)
      .filter((d) => !besides.some((k) => k.pc.uuid === pc && k.disk.serial === d.serial && k.disk.wwn === d.wwn))
      .map(({ serial, wwn, model, bytes }) => ({
        pc: pcOf(pc, pcs),
        disk: { serial, wwn, model, bytes },
        pinned: true,
      }));
  });
}

export function isPinned(pc: PcRow | undefined, disk: Pick<DiskIdentity, 'serial' | 'wwn'>): boolean {
  const pins = pc ? pinsOf(pc) : [];
  return [disk.serial, disk.wwn].some((name) => name !== '' && pins.includes(name));
}

function pcOf(uuid: string, pcs: Pcs): { uuid: string; name: string } {
  return { uuid, name: pcs.get(uuid)?.name ?? uuid };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
