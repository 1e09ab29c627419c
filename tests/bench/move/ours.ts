/**
 * The product's way: `moveDesktop` with the machines, the DRBD resource and the migration of the product. Left out is what
 * two machines need and one does not: the link between server and PC, the tunnel, the opening in the firewall.
 */
import type { Drbd } from '#common/drbd/control.ts';
import type { DrbdResource } from '#common/drbd/resource.ts';
import { writeFileDurably } from '#common/files.ts';
import { allowDesktopUser } from '#common/hosting/device-access.ts';
import { loadDrbd } from '#common/hosting/drbd-module.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import { requireHost } from '#common/hosting/host-facts.ts';
import { run } from '#common/run.ts';
import { MOVE_LIMITS, moveDesktop } from '../../../server/moves/move.ts';
import {
  configure,
  configureBoth,
  PC_DEVICE,
  pc,
  SERVER_DEVICE,
  server,
  setDiskBytes,
  until,
  untilInSync,
  writeText,
} from '../../lab/drbd/ends.ts';
import { DESKTOP, Place } from './place.ts';
import { type From, ordered, type Side } from './side.ts';

/** Milliseconds for the first copy of the disk. */
const FIRST_COPY_LIMIT = 20 * 60_000;
/** What both ends are told for the length of a move, as in server/attachments/resource.ts. */
const MOVE: Partial<DrbdResource> = { protocol: 'C', twoPrimaries: true, limitKiBps: 64 };
/** Stands for the server's database, which is told who has the desktop before it is let go. */
const HOLDER = '/var/lib/bench-holder';

interface End {
  place: Place;
  drbd: Drbd;
  /** Where a desktop that is sent here arrives. */
  arrival: { host: string; port: number };
}

setDiskBytes(DESKTOP.diskBytes);

const ENDS: readonly [End, End] = [
  {
    place: new Place({ name: 'server', disk: SERVER_DEVICE, screenPort: 5900 }),
    ...{ drbd: server, arrival: { host: '127.9.0.1', port: 40_101 } },
  },
  {
    place: new Place({ name: 'pc', disk: PC_DEVICE, screenPort: 5901 }),
    ...{ drbd: pc, arrival: { host: '127.9.0.2', port: 40_102 } },
  },
];

/** Both ends connected and the same; the server's may be written. Once, before the first start. */
export async function prepareOurs(): Promise<void> {
  await allowDesktopUser();
  await loadDrbd();
  await writeText(server, { pc: undefined });
  await server.createMetadata();
  await server.up();
  await server.primary({ force: true });
  await writeText(pc);
  await pc.createMetadata();
  await pc.up();
  await configure(server);
  await untilInSync(FIRST_COPY_LIMIT);
  await settle();
}

export const ours: Side = {
  places: [ENDS[0].place, ENDS[1].place],

  async move(from) {
    const { source, target } = ordered(ENDS, from);
    let generation = 0;
    await moveDesktop(
      {
        desktop: DESKTOP,
        source: hostOf(source),
        target: hostOf(target),
        machineOf: async (end) => (end === 'source' ? source : target).place.machine.state,
        heardOfTarget: () => target.place.machine.state,
        ready: async () => {}, // the one before has waited for that, and the product knows it without asking
        configure: (mode) => configureInTurn(source, target, mode === 'move' ? MOVE : {}),
        openWay: async () => {},
        checkDisks: () => {},
        commit: async () => {
          generation += 1;
          await writeFileDurably(HOLDER, `${target.drbd.node} ${generation}\n`);
          return generation;
        },
        onPhase: () => {},
        progress: () => source.place.progress,
        onUndoFailed: (error) => console.error('undoing a move:', error),
      },
      new AbortController().signal,
      MOVE_LIMITS,
    );
  },

  async finish(from: From) {
    const { source } = ordered(ENDS, from);
    await source.place.machine.end();
    await settle();
    const { drbd } = source;
    // whoever looked at the device meanwhile has to close it first; the server's planner tries again too
    const secondary = () => drbd.secondary().then(...([() => true, () => false] as const));
    await until(`${drbd.name} is secondary`, secondary);
    await configureBoth();
    await untilInSync();
    await settle();
  },
};

/** The calls of a host that a move makes, as server/desktops/host.ts and client-runtime/hosting/pc-desktop.ts do them. */
function hostOf({ place, drbd, arrival }: End): DesktopHost {
  const { machine } = place;
  const nothing = {};
  const calls: Partial<DesktopHost> = {
    async setRole({ role }) {
      await (role === 'primary' ? drbd.primary() : drbd.secondary());
      return nothing;
    },
    async startIncoming({ desktop }) {
      await requireHost(desktop, 'this machine');
      await machine.receive(() => place.startUnit({ incoming: true }), arrival);
      return arrival;
    },
    async migrateTo({ desktop: _, ...to }, signal) {
      return await machine.send({ ...to, signal });
    },
    async cancelMigration() {
      await machine.cancelSending();
      return nothing;
    },
    async letRun() {
      await machine.letRun('arrived');
      return nothing;
    },
    async takeBack() {
      await machine.letRun('sent');
      return nothing;
    },
    async endMachine() {
      await machine.end();
      return nothing;
    },
  };
  return calls as DesktopHost;
}

/** The primary first, as the server does it; its own end waits for udev (server/desktops/replication.ts). */
async function configureInTurn(source: End, target: End, change: Partial<DrbdResource>): Promise<void> {
  for (const { drbd } of [source, target]) {
    await configure(drbd, change);
    if (drbd.node === 'server') await settle();
  }
}

/** The devices have their owner, and nobody looks at them, once udev has seen them. */
async function settle(): Promise<void> {
  await run(['udevadm', 'settle', '--timeout=20'], { timeoutMs: 30_000, okExitCodes: [0, 1] });
}
