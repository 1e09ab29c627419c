/**
 * What a desktop's virtual machine looks like. Both hosts of a desktop (server and PC) build the same machine from the
 * same values, which is what lets it move between them while it runs: only paths, addresses and ports differ.
 */

/** A file that QEMU listens on (`server=on`) and we connect to. */
type SocketPath = string;

export interface Machine {
  /** Shown by tools such as `ps`; nothing depends on it. */
  name: string;
  /** DMI product UUID of the guest. The same on every host: Windows activation and cloud-init look at it. */
  uuid: string;
  firmware: { kind: 'bios' } | { kind: 'uefi'; codePath: string; varsPath: string };
  cpus: number;
  memoryMiB: number;
  disk: { /** Block device or raw file. */ path: string; blockDevice: boolean; serial: string };
  network: { mac: string };
  screen: { address: string; port: number };
  /** QMP. */
  monitor: SocketPath;
  /** Host's end of the guest agent's serial port. */
  agent: SocketPath;
  /** Waits for a migration (which is begun by QMP) instead of starting from its disk. */
  incoming?: boolean;
}

/**
 * The machine type is pinned with its version: the virtual hardware of a desktop stays what it was when QEMU is
 * updated, and both ends of a move agree. 10.0 is Debian 13's QEMU.
 */
export const MACHINE_TYPE = 'pc-q35-10.0';

/**
 * x86-64-v2 (x86-64 psABI, section 3.1.1: SSE4.2, POPCNT, CMPXCHG16B, LAHF), which every PC since about 2009 has and
 * Debian, Fedora and Windows 11 ask for, on top of QEMU's smallest 64-bit model. Without nested virtualisation, and
 * without invtsc, which would tie the guest to one PC's clock rate.
 * `enforce`: a host that lacks one of them refuses to start, instead of starting a machine that cannot move.
 */
export const CPU_MODEL = 'qemu64,-svm,+cx16,+lahf-lm,+popcnt,+pni,+ssse3,+sse4.1,+sse4.2,enforce';

/**
 * What {@link CPU_MODEL} asks of a host's processor, by the names of /proc/cpuinfo: qemu64's own features
 * (target/i386/cpu.c) that are not in every 64-bit processor, and the ones added.
 */
export const CPU_FLAGS = ['lm', 'nx', 'cx16', 'lahf_lm', 'popcnt', 'pni', 'ssse3', 'sse4_1', 'sse4_2'] as const;

/** Name of the virtio serial port that the guest agent opens (`/dev/virtio-ports/…` in Linux). */
export const AGENT_PORT_NAME = 'org.flexdeploy.agent.0';

/** How many USB devices a person can hand to the desktop at once. */
export const USB_REDIRECTION_CHANNELS = 3;

/**
 * A stable, locally administered MAC from an id of hexadecimal digits: the guest's network card does not change its
 * name or its lease when the desktop changes its host. 52:54:00 is the prefix that QEMU uses.
 */
export function macFor(id: string): string {
  return `52:54:00:${id.slice(0, 2)}:${id.slice(2, 4)}:${id.slice(4, 6)}`;
}

/** A stable UUID (version 8: made by an application's own rule, RFC 9562) from an id of 16 hexadecimal digits. */
export function uuidFor(id: string): string {
  return `464c4558-4445-800${id.slice(0, 1)}-8${id.slice(1, 4)}-${id.slice(4, 16)}`;
}
