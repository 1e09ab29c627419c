/** From what DRBD tells to what people are shown: progress, speed, time left. Pure. */
import type { SyncState } from '#common/protocol/desktop.ts';
import type { DrbdStatus } from '#common/protocol/host-link.ts';

/** Milliseconds over which the speed is an average: steady enough to read, quick enough to follow a change. */
const WINDOW = 15_000;

/** What is left to copy at a moment; the oldest first. */
export type Samples = readonly { at: number; outOfSyncKiB: number }[];

/** Adds a measurement, and forgets what is too old to count. `at`: milliseconds. */
export function addSample(samples: Samples, at: number, outOfSyncKiB: number): Samples {
  const kept = samples.filter((s, i) => s.at > at - WINDOW || i === samples.length - 1);
  return [...kept, { at, outOfSyncKiB }];
}

/** Bytes a second that the resync gets on with; undefined before two measurements tell. */
export function speedOf(samples: Samples): number | undefined {
  const [first] = samples;
  const last = samples.at(-1);
  if (!first || !last || last.at - first.at < 1000) return undefined;
  return Math.max(0, Math.round(((first.outOfSyncKiB - last.outOfSyncKiB) * 1024 * 1000) / (last.at - first.at)));
}

export interface SyncView {
  /** The server's end. */
  status: DrbdStatus | undefined;
  diskBytes: number;
  samples: Samples;
  /** Somebody asked for a pause. */
  paused: boolean;
  /** Since when there is no connection, RFC 3339. */
  disconnectedSince: string;
}

/** What the kiosk and the agent show, from the server's end of the resource. */
export function syncStateOf({ status, diskBytes, samples, paused, disconnectedSince }: SyncView): SyncState {
  if (status?.connection !== 'Connected') return { kind: 'disconnected', since: disconnectedSince };
  const bytesLeft = status.outOfSyncKiB * 1024;
  const allBytes = status.resyncKiB ? status.resyncKiB * 1024 : diskBytes;
  const percent = allBytes > 0 ? Math.min(100, Math.max(0, 100 * (1 - bytesLeft / allBytes))) : 100;
  switch (status.replication) {
    case 'Established':
      if (status.disk === 'UpToDate' && status.peerDisk === 'UpToDate') return { kind: 'inSync' };
      return { kind: 'preparing', step: 'Comparing the two disks' };
    case 'Ahead':
    case 'Behind':
      return { kind: 'behind', bytesLeft };
    case 'PausedSyncS':
    case 'PausedSyncT':
      return { kind: 'paused', percent };
    case 'SyncSource':
    case 'SyncTarget': {
      if (paused) return { kind: 'paused', percent };
      const speed = speedOf(samples);
      const to = status.replication === 'SyncSource' ? 'pc' : 'server';
      return {
        kind: 'syncing',
        percent,
        bytesLeft,
        bytesPerSecond: speed ?? 0,
        to,
        ...(speed && { secondsLeft: Math.ceil(bytesLeft / speed) }),
      };
    }
    default:
      return { kind: 'preparing', step: 'Comparing the two disks' };
  }
}
