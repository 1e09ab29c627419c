/** A desktop as a systemd service: what it may use, and what it may see of the server. Pure. */
import { commandLine } from '#common/qemu/command-line.ts';
import { macFor, uuidFor } from '#common/qemu/machine.ts';
import type { TransientService } from '#common/systemd/transient.ts';
import type { DesktopRecord } from '../hosting.ts';
import { SERVER_ADDRESS } from '../tunnel/addresses.ts';
import type { Folders, Places } from './places.ts';

/** Debian's OVMF, 4 MiB variant, without Secure Boot keys. */
const UEFI_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
export const UEFI_VARS_TEMPLATE = '/usr/share/OVMF/OVMF_VARS_4M.fd';

export const DESKTOP_USER = 'flexdeploy-qemu';
export const DESKTOP_SLICE = 'flexdeploy-desktops.slice';

/**
 * MiB that QEMU may use beside the guest's memory: its own code, video memory, SPICE's image cache and one client's
 * queues. An estimate with room to spare, not a measurement: going over it kills the desktop.
 */
export const OVERHEAD_MIB = 512;

export interface Job {
  desktop: DesktopRecord;
  places: Places;
  folders: Folders;
  /** TCP port of its screen. */
  port: number;
}

export function desktopService({ desktop, places, folders, port }: Job): TransientService {
  return {
    unit: places.unit,
    description: `FlexDeploy desktop ${desktop.name} of ${desktop.owner}`,
    slice: DESKTOP_SLICE,
    properties: { ...limits(desktop), ...sandbox(places, folders) },
    argv: commandLine({
      name: desktop.name,
      uuid: uuidFor(desktop.id),
      firmware:
        desktop.firmware === 'bios'
          ? { kind: 'bios' }
          : { kind: 'uefi', codePath: UEFI_CODE, varsPath: places.uefiVars },
      cpus: desktop.cpus,
      memoryMiB: desktop.memoryMiB,
      disk: { path: places.disk, blockDevice: true, serial: desktop.id },
      network: { mac: macFor(desktop.id) },
      screen: { address: SERVER_ADDRESS, port },
      monitor: places.monitor,
      agent: places.agent,
    }),
  };
}

function limits({ cpus, memoryMiB }: DesktopRecord): TransientService['properties'] {
  return {
    Type: 'exec',
    MemoryMax: `${memoryMiB + OVERHEAD_MIB}M`,
    // One more than it has processors, for QEMU's own threads (disk, SPICE).
    CPUQuota: `${(cpus + 1) * 100}%`,
    CPUWeight: '100',
    TasksMax: '512',
    LimitCORE: '0',
    // When the machine is out of memory a desktop goes before the server process does.
    OOMScoreAdjust: '300',
    TimeoutStopSec: '15s',
  };
}

/** Everything that QEMU does not need is out of its sight: other desktops, the server's state, other devices. */
function sandbox(places: Places, folders: Folders): TransientService['properties'] {
  return {
    User: DESKTOP_USER,
    Group: DESKTOP_USER,
    SupplementaryGroups: 'kvm',
    UMask: '0077',
    NoNewPrivileges: 'yes',
    CapabilityBoundingSet: '',
    DevicePolicy: 'closed',
    DeviceAllow: ['/dev/kvm rw', `${places.disk} rw`],
    ProtectSystem: 'strict',
    ProtectHome: 'yes',
    PrivateTmp: 'yes',
    TemporaryFileSystem: [`${folders.state}:ro`, `${folders.run}:ro`],
    BindPaths: [places.stateFolder, places.runFolder],
    ProtectProc: 'invisible',
    ProtectKernelTunables: 'yes',
    ProtectKernelModules: 'yes',
    ProtectKernelLogs: 'yes',
    ProtectControlGroups: 'yes',
    ProtectHostname: 'yes',
    RestrictNamespaces: 'yes',
    RestrictRealtime: 'yes',
    RestrictSUIDSGID: 'yes',
    LockPersonality: 'yes',
    KeyringMode: 'private',
    SystemCallArchitectures: 'native',
    RestrictAddressFamilies: ['AF_UNIX', 'AF_INET', 'AF_INET6', 'AF_NETLINK'],
  };
}
