import { AGENT_PORT_NAME } from '#common/qemu/machine.ts';
import type { GuestPort } from './guest-port.ts';
import { PolledPort } from './polled-port.ts';
import { TurnPort } from './turn-port.ts';

/** The device that QEMU's port is in a guest. In Windows as the vioserial driver of virtio-win names it. */
export function portPath(platform: NodeJS.Platform): string {
  return platform === 'win32' ? `\\\\.\\Global\\${AGENT_PORT_NAME}` : `/dev/virtio-ports/${AGENT_PORT_NAME}`;
}

export function openPort(path = portPath(process.platform)): GuestPort {
  return process.platform === 'win32' ? new TurnPort(path) : new PolledPort(path);
}
