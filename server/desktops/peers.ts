/** Which PC may reach what of the desktop that is attached to it: kept here, and in the firewall's sets. */
import { closeFor, openFor } from '../firewall/firewall.ts';
import type { Opening } from '../firewall/ruleset.ts';
import type { DesktopRecord, PeerAccess } from '../hosting.ts';
import { migrationPort, replicationPort } from './replication.ts';

interface Openings {
  peers: Opening[];
  departures: Opening[];
}

const NONE: Openings = { peers: [], departures: [] };

export class PeerOpenings {
  readonly #byDesktop = new Map<string, Openings>();
  #turn: Promise<unknown> = Promise.resolve();

  /** Everything that is open, for when the whole table is written. */
  get all(): Openings {
    const all = [...this.#byDesktop.values()];
    return { peers: all.flatMap((o) => o.peers), departures: all.flatMap((o) => o.departures) };
  }

  /** Replaces what is open for a desktop. New openings come before old ones go: what stays is never cut. */
  async set(desktop: DesktopRecord, access: PeerAccess | undefined): Promise<void> {
    const work = async () => {
      const before = this.#byDesktop.get(desktop.id) ?? NONE;
      const after = openingsFor(desktop, access);
      this.#byDesktop.set(desktop.id, after);
      for (const set of ['peers', 'departures'] as const) {
        for (const opening of after[set]) if (!has(before[set], opening)) await openFor(set, opening);
        for (const opening of before[set]) if (!has(after[set], opening)) await closeFor(set, opening);
      }
    };
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => {});
    await done;
  }

  /** An address that a PC no longer has must not let another one in. */
  async forget(address: string, desktops: Iterable<DesktopRecord>): Promise<void> {
    for (const desktop of desktops) {
      const { peers, departures } = this.#byDesktop.get(desktop.id) ?? NONE;
      if ([...peers, ...departures].some((o) => o.peer === address)) await this.set(desktop, undefined);
    }
  }
}

/** Pure. */
export function openingsFor({ minor }: DesktopRecord, access: PeerAccess | undefined): Openings {
  if (!access) return NONE;
  const { address: peer, drbd, incoming, outgoingPort } = access;
  return {
    peers: [
      ...(drbd ? [{ peer, port: replicationPort(minor) }] : []),
      ...(incoming ? [{ peer, port: migrationPort(minor) }] : []),
    ],
    departures: outgoingPort === undefined ? [] : [{ peer, port: outgoingPort }],
  };
}

function has(openings: readonly Opening[], { peer, port }: Opening): boolean {
  return openings.some((o) => o.peer === peer && o.port === port);
}
