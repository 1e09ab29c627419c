/** The planner of a desktop and its PC: every case of docs/holder.md that is decided by facts alone. */
import t from 'tap';
import type { DrbdStatus, MachineState } from '#common/protocol/host-link.ts';
import type { PairFacts } from '../../server/attachments/facts.ts';
import { nextSteps } from '../../server/attachments/plan.ts';

const DRBD: DrbdStatus = {
  ...{ role: 'Secondary', disk: 'UpToDate', connection: 'Connected', replication: 'Established' },
  ...{ peerRole: 'Secondary', peerDisk: 'UpToDate', outOfSyncKiB: 0, receivedKiB: 0, sentKiB: 0 },
  ...{ writtenKiB: 0, readKiB: 0, suspended: false },
};
const RUNNING: MachineState = { kind: 'running', since: '' };
const SAME = { wanted: 'text', server: 'text', pc: 'text' };

/** Attached, in sync, running on the server: nothing to do. */
const AT_REST: PairFacts = {
  holder: { kind: 'server' },
  generation: 2,
  attachment: {
    wanted: 'attached',
    renew: false,
    notAsChosen: false,
    becameWhole: false,
    paused: false,
    pausedNow: false,
    diskThere: true,
  },
  pc: pc({}),
  strangers: [],
  server: { machine: RUNNING, drbd: { ...DRBD, role: 'Primary' }, reconnect: false, discarded: false },
  resource: SAME,
  openFor: { wanted: 'pc', now: 'pc' },
};
const ON_PC: Partial<PairFacts> = {
  holder: { kind: 'pc', complete: true },
  pc: pc({ machine: RUNNING, drbd: { ...DRBD, role: 'Primary' } }),
  server: { ...AT_REST.server, machine: { kind: 'none' }, drbd: DRBD },
};

function pc(attached: Partial<NonNullable<NonNullable<PairFacts['pc']>['attached']>>): NonNullable<PairFacts['pc']> {
  const disk = { serial: 's', wwn: '', model: '', bytes: 1 };
  const machine: MachineState = { kind: 'none' };
  return {
    ...{ host: 'pc', mine: true, reconnect: false },
    attached: { desktop: '0123456789abcdef', disk, machine, generation: 2, drbd: DRBD, ...attached },
  };
}

/** The steps in a short form: `endMachine pc`, `attach pc`, `detach save`. */
function planned(facts: Partial<PairFacts>): string[] {
  return nextSteps({ ...AT_REST, ...facts }).map((step) => {
    const { do: what, ...rest } = step;
    const details = Object.entries(rest).map(([key, value]) => (typeof value === 'boolean' ? value && key : value));
    return [what, ...details.filter(Boolean)].join(' ');
  });
}

const server = (machine: MachineState, drbd: Partial<DrbdStatus> = {}) => ({
  server: { ...AT_REST.server, machine, drbd: { ...DRBD, ...drbd } },
});
const without = { pc: { host: 'pc', mine: false, reconnect: false, attached: undefined } };

t.test('at rest nothing is done, wherever it runs', async (t) => {
  t.same(planned({}), []);
  t.same(planned(ON_PC), []);
});

t.test('a PC attaches: way, server’s end, then the disk', async (t) => {
  const facts = {
    ...without,
    resource: { wanted: 'new', server: 'old', pc: undefined },
    openFor: { wanted: 'pc', now: '' },
  };
  t.same(planned(facts).slice(0, 3), ['openFirewall', 'configure server', 'attach server']);
  t.same(planned({ ...facts, attachment: undefined, openFor: { wanted: '', now: '' } }), ['configure server']);
});

t.test('a PC leaves: what it knows is kept only when nothing wrote there', async (t) => {
  const attachment = { ...AT_REST.attachment, wanted: 'detached' } as PairFacts['attachment'];
  t.same(planned({ attachment }), ['detach save']);
  t.same(planned({ attachment, pc: pc({ drbd: { ...DRBD, role: 'Primary' } }) }), ['makeSecondary pc', 'detach']);
  t.same(planned({ attachment, ...without }), [], 'it has left');
  t.same(planned({ attachment, pc: undefined }), [], 'it has no link: later');
  t.same(planned({ attachment, ...ON_PC }), [], 'never while it holds the desktop');
});

t.test('another disk of the same PC was chosen: the first one is left before', async (t) => {
  const attachment = { ...AT_REST.attachment, notAsChosen: true } as PairFacts['attachment'];
  t.same(planned({ attachment }), ['detach']);
});

t.test('texts that differ are told to each end; ends that refuse each other try again when it is time', async (t) => {
  t.same(planned({ resource: { ...SAME, wanted: 'new' } }), ['configure server', 'configure pc']);
  t.same(planned({ resource: { ...SAME, pc: undefined } }), ['configure pc']);
  t.same(planned({ server: { ...AT_REST.server, reconnect: true } }), ['configure server']);
  t.same(planned({ pc: { ...pc({}), reconnect: true } }), ['configure pc']);
});

t.test('pause and going on', async (t) => {
  const paused = (wanted: boolean, now: boolean) => ({
    attachment: { ...AT_REST.attachment, paused: wanted, pausedNow: now } as PairFacts['attachment'],
  });
  t.same(planned(paused(true, false)), ['pauseSync paused']);
  t.same(planned(paused(false, true)), ['pauseSync']);
  t.same(planned({ ...paused(true, false), ...server(RUNNING, { connection: 'Connecting' }) }), [], 'when connected');
});

t.test('cut before the hand-over: the source goes on, the target is ended, in this order of danger', async (t) => {
  const arrived = pc({ machine: { kind: 'arrived' }, drbd: { ...DRBD, role: 'Primary' } });
  t.same(planned({ ...server({ kind: 'sent' }, { role: 'Primary' }), pc: arrived }), [
    'endMachine pc',
    'makeSecondary pc',
    'takeBack server',
  ]);
  t.same(planned({ ...server({ kind: 'migrating' }), pc: pc({ machine: { kind: 'incoming' } }) }), [
    'endMachine pc',
    'cancelMigration server',
  ]);
  t.same(planned({ ...server({ kind: 'sent' }), pc: undefined }), ['takeBack server'], 'also when the PC is gone');
  const back = { ...ON_PC, ...server({ kind: 'arrived' }, { role: 'Primary' }), pc: pc({ machine: { kind: 'sent' } }) };
  t.same(planned(back), ['endMachine server', 'makeSecondary server', 'takeBack pc']);
});

t.test('cut after the hand-over: only forward', async (t) => {
  const toPc = { ...ON_PC, ...server({ kind: 'sent' }, { role: 'Primary' }), pc: pc({ machine: { kind: 'arrived' } }) };
  t.same(planned(toPc), ['endMachine server', 'makeSecondary server', 'letRun pc']);
  t.same(planned({ ...toPc, pc: undefined }), ['endMachine server', 'makeSecondary server'], 'the PC when it is back');
  const toServer = {
    ...server({ kind: 'arrived' }),
    pc: pc({ machine: { kind: 'sent' }, drbd: { ...DRBD, role: 'Primary' } }),
  };
  t.same(planned(toServer), ['endMachine pc', 'makeSecondary pc', 'letRun server']);
});

t.test('a machine that runs where it must not is ended, whatever else there is to do', async (t) => {
  t.equal(planned({ ...ON_PC, ...server(RUNNING, { role: 'Primary' }) })[0], 'endMachine server');
  t.equal(planned({ pc: pc({ machine: RUNNING, drbd: { ...DRBD, role: 'Primary' } }) })[0], 'endMachine pc');
  t.same(planned({ strangers: [{ host: 'x', machine: RUNNING }] }), ['expelStranger x machine']);
});

t.test('the holding PC is complete only when both ends say so', async (t) => {
  const holder = { kind: 'pc', complete: false } as const;
  t.same(planned({ ...ON_PC, holder }), ['markComplete']);
  t.same(planned({ ...ON_PC, holder, ...server({ kind: 'none' }, { peerDisk: 'Inconsistent' }) }), []);
  t.same(planned({ ...ON_PC, holder, ...server({ kind: 'none' }, { connection: 'Connecting' }) }), []);
  t.same(planned({ ...ON_PC, holder, pc: pc({ machine: RUNNING, drbd: { ...DRBD, disk: 'Inconsistent' } }) }), []);
});

t.test('the PC that held it comes back after a power cut', async (t) => {
  t.same(planned({ ...ON_PC, ...without }).slice(0, 2), ['discardServerCopy', 'attach pc'], 'its disk is the source');
  const discarded = { server: { ...AT_REST.server, machine: { kind: 'none' } as const, drbd: DRBD, discarded: true } };
  t.same(planned({ ...ON_PC, ...without, ...discarded }).slice(0, 1), ['attach pc'], 'the server’s copy goes once');
  const noDisk = { attachment: { ...AT_REST.attachment, diskThere: false } as PairFacts['attachment'] };
  t.same(planned({ ...ON_PC, ...without, ...noDisk }), [], 'without that very disk nothing is touched');
  t.equal(planned({ ...ON_PC, ...without, holder: { kind: 'pc', complete: false } })[0], 'serverGoesOn');
});

t.test('a PC that the server went on without begins anew', async (t) => {
  const attachment = { ...AT_REST.attachment, renew: true } as PairFacts['attachment'];
  const frozen = pc({ machine: RUNNING, drbd: { ...DRBD, role: 'Primary', connection: 'Connecting' } });
  t.same(planned({ attachment, pc: frozen }).slice(0, 3), ['endMachine pc', 'makeSecondary pc', 'detach']);
});
