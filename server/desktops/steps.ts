/** How each step of the plan is done. Every one is idempotent. */
import { deleteFiles, hasUefiVars, makeUefiVars, type Owner, prepareFolders } from '#common/hosting/files.ts';
import type { HostedMachine } from '#common/hosting/machine.ts';
import type { Folders, Places } from '#common/hosting/places.ts';
import { desktopService } from '#common/hosting/unit.ts';
import { logicalVolumes, removeVolume, setActive } from '#common/lvm/lvm.ts';
import { clearFailure, startService } from '#common/systemd/transient.ts';
import { type DesktopRecord, HostingError } from '../hosting.ts';
import { cloneDisk, diskVolume } from '../storage/images.ts';
import { GROUP } from '../storage/pool.ts';
import { SERVER_ADDRESS } from '../tunnel/addresses.ts';
import type { DesktopFacts, Step } from './plan.ts';
import { type Replication, replicatedDisk } from './replication.ts';

export interface StepContext {
  id: string;
  places: Places;
  folders: Folders;
  owner: Owner;
  machine: HostedMachine;
  replication: Replication;
  /** Undefined while it is only switched off or deleted. */
  desktop: DesktopRecord | undefined;
  /** TCP port for the screen; taken for this desktop until it is off. */
  takePort(): number;
}

type Executors = { [K in Step['do']]: (step: Extract<Step, { do: K }>, context: StepContext) => Promise<void> };

const executors: Executors = {
  cloneDisk: ({ image }, { id }) => cloneDisk(image, id),

  async activateDisk(_, { id }) {
    const volumes = await logicalVolumes(GROUP);
    if (!volumes.some((v) => v.name === diskVolume(id))) {
      throw new HostingError('unavailable', 'the disk of this desktop is missing', {
        hint: `There is no volume ${GROUP}/${diskVolume(id)}: was it deleted by hand, or is a data disk missing?`,
      });
    }
    await setActive(GROUP, diskVolume(id), true);
  },

  async openReplication(_, { replication, desktop }) {
    if (desktop) await replication.open(desktop);
  },

  promote: (_, { replication }) => replication.promote(),
  makeUefiVars: (_, { places, owner }) => makeUefiVars(places, owner),
  clearFailure: (_, { places }) => clearFailure(places.unit),
  startMachine: ({ desktop }, context) => startMachine(desktop, context, { incoming: false }),
  connect: (_, { machine }) => machine.connect(),
  cutPower: (_, { machine }) => machine.end(),
  closeReplication: (_, { replication }) => replication.remove(),
  deleteFiles: (_, { places }) => deleteFiles(places),
  deleteDisk: (_, { id }) => removeVolume(GROUP, diskVolume(id)),
};

/** Does one step. */
export function execute<K extends Step['do']>(step: Extract<Step, { do: K }>, context: StepContext): Promise<void> {
  return executors[step.do as K](step, context);
}

/** Starts the unit: from the desktop's disk, or to be sent here. */
export async function startMachine(
  desktop: DesktopRecord,
  { places, folders, owner, takePort }: Omit<StepContext, 'desktop'>,
  { incoming }: { incoming: boolean },
): Promise<void> {
  const port = takePort();
  if (desktop.firmware === 'uefi' && !(await hasUefiVars(places))) await makeUefiVars(places, owner);
  await prepareFolders(places, { owner, firmware: desktop.firmware, port });
  const screen = { address: SERVER_ADDRESS, port };
  const disk = replicatedDisk(desktop.minor);
  await startService(desktopService({ desktop, places, folders, disk, screen, incoming }));
}

/** What is true of a desktop now. `storage: false`: there is no pool to look at. */
export async function gatherFacts(
  context: Pick<StepContext, 'id' | 'places' | 'machine' | 'replication'>,
  storage: boolean,
): Promise<DesktopFacts> {
  const [unit, volumes, uefiVars, replication, broken] = await Promise.all([
    context.machine.unit(),
    storage ? logicalVolumes(GROUP) : [],
    hasUefiVars(context.places),
    context.replication.role(),
    context.machine.isBroken(),
  ]);
  const volume = volumes.find((v) => v.name === diskVolume(context.id));
  return {
    disk: !!volume,
    diskActive: volume?.active ?? false,
    uefiVars,
    replication,
    unit,
    connected: context.machine.qmp !== undefined,
    broken,
  };
}
