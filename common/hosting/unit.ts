/**
 * A desktop as a systemd service, on the server as on a PC: what it may use, and what it may see of its host. Pure.
 */
import type { HostedDesktop } from '#common/protocol/host-link.ts';
import { commandLine } from '#common/qemu/command-line.ts';
import { macFor, uuidFor } from '#common/qemu/machine.ts';
import type { TransientService } from '#common/systemd/transient.ts';
import type { Folders, Places } from './places.ts';

/** Debian's OVMF, 4 MiB variant, without Secure Boot keys. */
const UEFI_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
export const UEFI_VARS_TEMPLATE = '/usr/share/OVMF/OVMF_VARS_4M.fd';

export const DESKTOP_USER = 'flexdeploy-qemu';
const DESKTOP_SLICE = 'flexdeploy-desktops.slice';

/**
 * MiB that QEMU may use beside the guest's memory: its own code, video memory, SPICE's image cache and one client's
 * queues, which fill when the link is slow. An estimate with room to spare, not a measurement: going over it kills the
 * desktop. 512 was too little once, while a first copy filled the link of a viewer.
 */
const OVERHEAD_MIB = 1024;

/** MiB of that which are in use soon after the start, for asking whether there is memory for one more. */
export const USUAL_OVERHEAD_MIB = 128;

export interface Job {
  desktop: HostedDesktop;
  places: Places;
  folders: Folders;
  /** Block device. */
  disk: string;
  /** Where SPICE listens. */
  screen: { address: string; port: number };
  /** Waits to be sent here by another host. */
  incoming: boolean;
}

export function desktopService({ desktop, places, folders, disk, screen, incoming }: Job): TransientService {
  return {
    unit: places.unit,
    description: `FlexDeploy desktop ${desktop.name} of ${desktop.owner}`,
    slice: DESKTOP_SLICE,
    properties: { ...limits(desktop), ...sandbox({ places, folders, disk }) },
    argv: commandLine({
      name: desktop.name,
      uuid: uuidFor(desktop.id),
      firmware:
        desktop.firmware === 'bios'
          ? { kind: 'bios' }
          : { kind: 'uefi', codePath: UEFI_CODE, varsPath: places.uefiVars },
      cpus: desktop.cpus,
      memoryMiB: desktop.memoryMiB,
      disk: { path: disk, blockDevice: true, serial: desktop.id },
      network: { mac: macFor(desktop.id) },
      screen,
      monitor: places.monitor,
      agent: places.agent,
      incoming,
    }),
  };
}

function limits({ cpus, memoryMiB }: HostedDesktop): TransientService['properties'] {
  return {
    Type: 'exec',
    MemoryMax: `${memoryMiB + OVERHEAD_MIB}M`,
    // One more than it has processors, for QEMU's own threads (disk, SPICE).
    CPUQuota: `${(cpus + 1) * 100}%`,
    CPUWeight: '100',
    TasksMax: '512',
    LimitCORE: '0',
    // When the machine is out of memory a desktop goes before our own process does.
    OOMScoreAdjust: '300',
    TimeoutStopSec: '15s',
  };
}

/** Everything that QEMU does not need is out of its sight: other desktops, our state, other devices. */
function sandbox({ places, folders, disk }: Pick<Job, 'places' | 'folders' | 'disk'>): TransientService['properties'] {
  return {
    User: DESKTOP_USER,
    Group: DESKTOP_USER,
    SupplementaryGroups: 'kvm',
    UMask: '0077',
    NoNewPrivileges: 'yes',
    CapabilityBoundingSet: '',
    DevicePolicy: 'closed',
    DeviceAllow: ['/dev/kvm rw', `${disk} rw`],
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
