/** Statuses as a host makes them, from desktops as the server tells them. */
import { agentStatus } from '#common/agent/status.ts';
import type { Attachment, Desktop } from '#common/protocol/desktop.ts';
import type { AgentStatus } from '#common/protocol/host-guest.ts';

const STATES: Record<Attachment['state']['kind'], Attachment['state']> = {
  preparing: { kind: 'preparing', step: 'Making the disk of the PC empty', percent: 42.4 },
  syncing: {
    kind: 'syncing',
    percent: 42.4,
    bytesLeft: 5_300_000_000,
    bytesPerSecond: 38_000_000,
    secondsLeft: 140,
    to: 'pc',
  },
  paused: { kind: 'paused', percent: 42.4 },
  inSync: { kind: 'inSync' },
  behind: { kind: 'behind', bytesLeft: 230_000_000 },
  disconnected: { kind: 'disconnected', since: '2026-11-22T09:41:00Z' },
  detaching: { kind: 'detaching' },
  failed: { kind: 'failed', reason: 'The disk of the PC cannot be written any more.', hint: 'Choose another disk.' },
};

export const SYNC_KINDS = Object.keys(STATES) as Attachment['state']['kind'][];

export function statusOf(
  kind: Attachment['state']['kind'] | 'none',
  place: AgentStatus['place'],
  more: Partial<Desktop> = {},
): AgentStatus {
  const attachment: Attachment | undefined =
    kind === 'none'
      ? undefined
      : {
          pc: { uuid: 'u', name: 'lab-7' },
          disk: { serial: 'S1', wwn: '', model: 'Disk', bytes: 2 ** 36 },
          state: STATES[kind],
          complete: kind === 'inSync' || kind === 'behind' || kind === 'disconnected',
          localHost: { possible: true },
        };
  const desktop = { name: 'ana-desktop', ...(attachment && { attachment }), ...more } as Desktop;
  const link =
    kind === 'disconnected' ? { connected: false, since: '2026-11-22T09:41:00Z' } : { connected: true as const };
  return agentStatus(desktop, {
    place,
    serverName: 'school',
    ...(place === 'pc' && { pc: { name: 'lab-7', link } }),
  });
}
