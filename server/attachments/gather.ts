import { messageOf } from '#common/errors.ts';
import type { DrbdStatus } from '#common/protocol/host-link.ts';
import type { RemoteHost } from '../hosts/hosts.ts';
import type { AttachmentFact, PairFacts, PcFact, StrangerFact } from './facts.ts';
import type { Pair } from './pair.ts';
import type { End } from './plan.ts';
import { openingsFor, pcEnd, resourceText } from './resource.ts';
import { type PairRecord, sameDisk } from './store.ts';

/** What is true of a desktop and its PC now: the database, what the server's end says, and what the PC answers. */
export async function gatherFacts(pair: Pair, record: PairRecord): Promise<PairFacts> {
  const { memory } = pair;
  const { desktop } = record;
  const host = pair.host;
  if (host && memory.links !== host.links) {
    // A new link is perhaps a PC that had no power: nothing that it was told counts.
    Object.assign(memory, { links: host.links, pcAttached: undefined, localHost: undefined });
    memory.resource.pc = undefined;
    memory.openFor = undefined;
  }
  const pc = host?.address === undefined ? undefined : await inspect(pair, host);
  const text = await resourceText(pair, record);
  const unchanged = memory.resource.server ?? '';
  return {
    holder: desktop.holder_pc === null ? { kind: 'server' } : { kind: 'pc', complete: desktop.holder_complete === 1 },
    generation: desktop.generation,
    attachment: await attachmentFact(pair, record),
    pc,
    strangers: await strangersOf(pair, record, host),
    server: {
      machine: pair.serverMachine,
      drbd: pair.serverDrbd,
      reconnect: timeToReconnect(pair, 'server', pair.serverDrbd),
      discarded: host !== undefined && memory.discardedFor === host.links,
    },
    resource: {
      wanted: text ?? unchanged,
      server: text === undefined ? unchanged : memory.resource.server,
      pc: memory.resource.pc,
    },
    openFor: openings(pair, record),
  };
}

/** Asks the PC what is there. Undefined when it does not answer. */
async function inspect(pair: Pair, host: RemoteHost): Promise<PcFact | undefined> {
  const { memory, context } = pair;
  try {
    const { attached, localHost } = await host.inspect({});
    const mine = attached?.desktop === pair.id;
    Object.assign(memory, { pcAttached: mine ? attached : undefined, localHost });
    if (!mine) memory.resource.pc = undefined;
    const reconnect = mine && timeToReconnect(pair, 'pc', attached.drbd);
    return { host: host.pc, attached, mine, reconnect };
  } catch (error) {
    context.log.warn({ desktop: pair.id, pc: host.pc }, `the PC did not say what is there: ${messageOf(error)}`);
    return undefined;
  }
}

/** Two ends that refuse each other are not tried again all the time. */
function timeToReconnect({ memory, context }: Pair, at: End, drbd: DrbdStatus | undefined): boolean {
  return drbd?.connection === 'StandAlone' && context.now() >= (memory.reconnectAt[at] ?? 0);
}

async function attachmentFact(pair: Pair, record: PairRecord): Promise<AttachmentFact | undefined> {
  const { host, memory } = pair;
  const row = record.known.find((a) => a.pc === host?.pc);
  if (!row) return undefined;
  const replication = pair.serverDrbd?.replication ?? '';
  return {
    wanted: row.wanted,
    renew: row.renew === 1,
    becameWhole: row.whole === 0 && memory.pcAttached !== undefined && pair.serverDrbd?.peerDisk === 'UpToDate',
    notAsChosen: memory.pcAttached !== undefined && (row.written === 0 || !sameDisk(row, memory.pcAttached.disk)),
    paused: row.paused === 1,
    pausedNow: memory.pausedNow ?? /^PausedSync/.test(replication),
    diskThere: await pair.context.diskThere(record),
  };
}

async function strangersOf(pair: Pair, record: PairRecord, host: RemoteHost | undefined): Promise<StrangerFact[]> {
  const others = pair.context.hosts.connectedOf(record.desktop.owner).filter((h) => h !== host);
  const found = await Promise.all(
    others.map(async (other) => {
      const { attached } = await other.inspect({}).catch(() => ({ attached: undefined }));
      return attached?.desktop === pair.id ? [{ host: other.pc, machine: attached.machine }] : [];
    }),
  );
  return found.flat();
}

function openings(pair: Pair, record: PairRecord): PairFacts['openFor'] {
  const { openFor } = pair.memory;
  const end = pcEnd(pair, record);
  if (end.kind === 'none') return { wanted: '', now: openFor };
  // Its address is not known: what is open stays open, for its DRBD may well be connected.
  if (end.kind === 'unknown') return { wanted: openFor ?? '', now: openFor ?? '' };
  return { wanted: JSON.stringify(openingsFor(end.address)), now: openFor };
}
