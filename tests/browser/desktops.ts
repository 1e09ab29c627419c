/** Desktops as the server tells them, for the states of the kiosk. */
import type { Attachment, Desktop, Holder, SyncState } from '#common/protocol/desktop.ts';

export const NOW = Date.now();
export const iso = new Date(NOW).toISOString();
export const THIS_PC = 'this-pc';

export function desktop(name: string, state: Desktop['state'], more: Partial<Desktop> = {}): Desktop {
  return {
    id: Buffer.from(name.padEnd(8, '-').slice(0, 8)).toString('hex'),
    name,
    owner: 'ana',
    image: 'debian-13-lab',
    firmware: 'uefi',
    memoryMiB: 2048,
    cpus: 2,
    diskBytes: 20 * 2 ** 30,
    createdAt: iso,
    state,
    ...more,
  };
}

export const OFF = desktop('biology', { kind: 'off' });
export const RUNNING = desktop('maths', { kind: 'running', since: iso, viewers: 0 });

export const SSD = {
  serial: 'S6PUNX0T415702K',
  wwn: '0x5002538f42b1c4d7',
  model: 'Samsung SSD 870 EVO',
  bytes: 500107862016,
};

export function attached(state: SyncState, more: Partial<Attachment> = {}): Attachment {
  return {
    pc: { uuid: THIS_PC, name: 'lab-pc-07' },
    disk: SSD,
    state,
    complete: state.kind === 'inSync',
    localHost: { possible: true },
    ...more,
  };
}

export function held(pc: { uuid: string; name: string }, reachable = true): Holder {
  return { pc, since: iso, generation: 3, reachable, ...(!reachable && { lastContactAt: iso }) };
}
