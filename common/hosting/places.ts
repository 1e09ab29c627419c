/** Where the things of a desktop are on the host that runs it, all from its id. Pure. */
import { join } from 'node:path';

export interface Folders {
  /** What is kept: `/var/lib/flexdeploy`. On a PC nothing outlives its power, and so does this. */
  state: string;
  /** Gone after a restart of the machine: `/run/flexdeploy`. */
  run: string;
}

export interface Places {
  unit: string;
  /** Settings that belong to the desktop, beside its disk. */
  stateFolder: string;
  uefiVars: string;
  /** Sockets of the running machine. */
  runFolder: string;
  monitor: string;
  agent: string;
  /** Holds the SPICE port, so that a new process of ours finds it even when QEMU does not answer. */
  portFile: string;
}

const UNIT_PATTERN = /^flexdeploy-desktop-([0-9a-f]{16})\.service$/;

/** All units of desktops, for systemctl. */
export const UNITS = 'flexdeploy-desktop-*.service';

export function placesOf(id: string, folders: Folders): Places {
  if (!/^[0-9a-f]{16}$/.test(id)) throw new Error(`not a desktop id: ${id}`);
  const stateFolder = join(folders.state, 'desktops', id);
  const runFolder = join(folders.run, 'desktops', id);
  return {
    unit: `flexdeploy-desktop-${id}.service`,
    stateFolder,
    uefiVars: join(stateFolder, 'uefi-vars.fd'),
    runFolder,
    monitor: join(runFolder, 'qmp.sock'),
    agent: join(runFolder, 'agent.sock'),
    portFile: join(runFolder, 'port'),
  };
}

/** The id of the desktop whose unit this is. */
export function idOfUnit(unit: string): string | undefined {
  return unit.match(UNIT_PATTERN)?.[1];
}
