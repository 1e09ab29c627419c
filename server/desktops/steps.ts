/** How each step of the plan is done. Every one is idempotent. */
import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { writeFileDurably } from '#common/files.ts';
import { logicalVolumes, removeVolume, setActive } from '#common/lvm/lvm.ts';
import { clearFailure, startService, stopService, unitState } from '#common/systemd/transient.ts';
import { HostingError } from '../hosting.ts';
import { cloneDisk, diskVolume } from '../storage/images.ts';
import { GROUP } from '../storage/pool.ts';
import type { Folders, Places } from './places.ts';
import type { DesktopFacts, Step } from './plan.ts';
import { desktopService, UEFI_VARS_TEMPLATE } from './unit.ts';

export interface StepContext {
  id: string;
  places: Places;
  folders: Folders;
  /** Of the user that desktops run as. */
  owner: { uid: number; gid: number };
  /** TCP port for the screen; taken for this desktop until it is off. */
  takePort(): number;
  /** Connects to QMP and starts watching. */
  connect(): Promise<void>;
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

  async makeUefiVars(_, { places, owner }) {
    await ownFolder(places.stateFolder, owner);
    await writeFileDurably(places.uefiVars, await readFile(UEFI_VARS_TEMPLATE), 0o600);
    await chown(places.uefiVars, owner.uid, owner.gid);
  },

  clearFailure: (_, { places }) => clearFailure(places.unit),

  async startMachine({ desktop }, { places, folders, owner, takePort }) {
    await ownFolder(places.stateFolder, owner);
    if (desktop.firmware === 'uefi') await chown(places.uefiVars, owner.uid, owner.gid); // a crash before the chown
    // Sockets of the machine's last run.
    await rm(places.runFolder, { recursive: true, force: true });
    await ownFolder(places.runFolder, owner);
    const port = takePort();
    await writeFile(places.portFile, String(port), { mode: 0o600 });
    await startService(desktopService({ desktop, places, folders, port }));
  },

  connect: (_, { connect }) => connect(),
  cutPower: (_, { places }) => stopService(places.unit),

  async deleteFiles(_, { places }) {
    await rm(places.runFolder, { recursive: true, force: true });
    await rm(places.stateFolder, { recursive: true, force: true });
  },

  deleteDisk: (_, { id }) => removeVolume(GROUP, diskVolume(id)),
};

/** Does one step. */
export function execute<K extends Step['do']>(step: Extract<Step, { do: K }>, context: StepContext): Promise<void> {
  return executors[step.do as K](step, context);
}

/** What is true of a desktop now. `storage: false`: there is no pool to look at. */
export async function gatherFacts(
  context: { id: string; places: Places; connected: boolean },
  storage: boolean,
): Promise<DesktopFacts> {
  const [unit, volumes, uefiVars] = await Promise.all([
    unitState(context.places.unit),
    storage ? logicalVolumes(GROUP) : [],
    readFile(context.places.uefiVars).then(
      () => true,
      () => false,
    ),
  ]);
  const volume = volumes.find((v) => v.name === diskVolume(context.id));
  return { disk: !!volume, diskActive: volume?.active ?? false, uefiVars, unit, connected: context.connected };
}

async function ownFolder(path: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  await chown(path, uid, gid);
}
