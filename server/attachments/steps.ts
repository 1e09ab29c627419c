import { UserError } from '#common/errors.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import type { Consent } from '#common/protocol/host-link.ts';
import type { AttachmentRow } from '../database/schema.ts';
import type { RemoteHost } from '../hosts/hosts.ts';
import { LinkLost } from '../hosts/link.ts';
import { hostedOf, recordOf } from '../inventory/record.ts';
import type { Pair } from './pair.ts';
import type { End, Step } from './plan.ts';
import { openingsFor, pcEnd, resourceText } from './resource.ts';
import { diskOf, type PairRecord, savedOf } from './store.ts';

export interface StepContext {
  pair: Pair;
  record: PairRecord;
}

type Executors = { [K in Step['do']]: (step: Extract<Step, { do: K }>, context: StepContext) => Promise<unknown> };

const executors: Executors = {
  endMachine: ({ at }, c) => end(at, c).endMachine({ desktop: c.pair.id }),
  letRun: ({ at }, c) => end(at, c).letRun({ desktop: c.pair.id, generation: c.record.desktop.generation }),
  takeBack: ({ at }, c) => end(at, c).takeBack({ desktop: c.pair.id }),
  cancelMigration: ({ at }, c) => end(at, c).cancelMigration({ desktop: c.pair.id }),
  makeSecondary: ({ at }, c) => end(at, c).setRole({ desktop: c.pair.id, role: 'secondary' }),

  async expelStranger({ host, machine }, { pair, record }) {
    const stranger = pair.context.hosts.of({ pc: host, user: record.desktop.owner });
    if (machine) await stranger.endMachine({ desktop: pair.id });
    await stranger.detach({ desktop: pair.id, save: false });
    pair.context.onDetached(host);
  },

  async openFirewall(_, { pair, record }) {
    const end = pcEnd(pair, record);
    const openings = end.kind === 'at' ? openingsFor(end.address) : undefined;
    pair.memory.openFor = undefined; // not known, should this fail
    await pair.context.hosting.allowPeer(pair.id, openings);
    pair.memory.openFor = openings === undefined ? '' : JSON.stringify(openings);
  },

  configure: ({ at }, context) => configure(at, context),

  async discardServerCopy(_, context) {
    const { pair, record } = context;
    const host = pc(context);
    await pair.context.store.discarding(pair.id, host.pc);
    const fresh = (await pair.reload()) ?? record;
    const resource = await resourceText(pair, fresh);
    if (resource === undefined) throw new LinkLost('the PC is not connected');
    await pair.context.hosting.discardOwn(recordOf(fresh.desktop), resource);
    pair.memory.discardedFor = host.links;
    pair.memory.resource.server = resource;
    pair.memory.pausedNow = undefined;
  },

  attach: (step, context) => attach(step.source, context),

  async detach({ save }, context) {
    const { pair } = context;
    const host = pc(context);
    const { saved } = await host.detach({ desktop: pair.id, save });
    if (saved) await pair.context.store.save(pair.id, host.pc, saved);
    pair.memory.pcAttached = undefined;
    pair.memory.resource.pc = undefined;
    pair.context.onDetached(host.pc);
  },

  async pauseSync({ paused }, { pair }) {
    await pair.server.pauseSync({ desktop: pair.id, paused });
    pair.memory.pausedNow = paused;
  },

  markComplete: (_, { pair, record }) => pair.context.store.markComplete(pair.id, record.desktop.generation),

  rememberWhole: (_, c) => c.pair.context.store.sawWhole(c.pair.id, pc(c).pc),

  async serverGoesOn(_, { pair, record }) {
    const { name, generation } = record.desktop;
    await pair.context.store.takeBack(pair.id, generation, undefined);
    await pair.context.store.notice(
      pair.id,
      `${pair.host?.name ?? 'The PC'} lost its power before it had all of ${name}. Everything is on the server; start it there.`,
    );
  },
};

/** Does one step. */
export async function execute<K extends Step['do']>(
  step: Extract<Step, { do: K }>,
  context: StepContext,
): Promise<void> {
  await executors[step.do as K](step, context);
}

/** Returns the text that the end has now. */
async function configure(at: End, context: StepContext): Promise<string> {
  const { pair, record } = context;
  const resource = await resourceText(pair, record);
  if (resource === undefined) throw new LinkLost('the PC is not connected');
  pair.memory.resource[at] = undefined; // not known, should this fail
  pair.memory.reconnectAt[at] = pair.context.now() + pair.context.timing.reconnectMs;
  await end(at, context).configure({ desktop: pair.id, resource });
  pair.memory.resource[at] = resource;
  return resource;
}

async function attach(source: 'server' | 'pc', context: StepContext): Promise<void> {
  const { pair, record } = context;
  const { store } = pair.context;
  const host = pc(context);
  const row = record.known.find((a) => a.pc === host.pc);
  if (!row) throw new Error('attaching what was never asked for');
  const saved = source === 'server' ? savedOf(row, record.desktop.pairing) : undefined;
  await store.begin(pair.id, host.pc, saved !== undefined);
  // Whether DRBD compares may be another matter now, and both ends get the same text before they meet.
  const fresh = (await pair.reload()) ?? record;
  const text = await resourceText(pair, fresh);
  // Of a disk that was whole once DRBD finds out what differs.
  const empty = source === 'server' && !saved && row.whole === 0;
  const baseline = empty ? await pair.context.hosting.baselineOf(recordOf(record.desktop)) : undefined;
  const told = text !== undefined && text === pair.memory.resource.server;
  const resource = told ? text : await configure('server', { pair, record: fresh });
  const wanted = (await pair.reload())?.attachment?.pc === host.pc;
  if (source === 'server' && !wanted) throw new UserError('the disk on the PC is not wanted any more');
  pair.memory.breakOff = () => host.cancelAttach({ desktop: pair.id });
  const { metadata, why } = await host
    .attach({
      desktop: hostedOf(record.desktop),
      resource,
      disk: diskOf(row),
      consent: consentOf(row),
      source,
      generation: record.desktop.generation,
      ...(saved && { saved }),
      ...(baseline && { baseline }),
    })
    .finally(() => {
      Object.assign(pair.memory, { emptied: undefined, breakOff: undefined });
    });
  pair.context.log.info({ desktop: pair.id, pc: host.pc, source, metadata, why }, 'the disk of a PC is attached');
  pair.memory.resource.pc = resource;
  await store.attached(pair.id, host.pc, metadata);
  await store.notice(pair.id, null);
}

/** A disk that was attached for this desktop before needs no question; else what was said when it was chosen. */
function consentOf(row: AttachmentRow): Consent {
  return row.written === 1 ? { kind: 'holdsThisDesktop' } : (JSON.parse(row.consent) as Consent);
}

function pc({ pair }: StepContext): RemoteHost {
  const { host } = pair;
  if (!host) throw new LinkLost('there is no PC');
  return host;
}

function end(at: End, context: StepContext): DesktopHost {
  return at === 'server' ? context.pair.server : pc(context);
}
