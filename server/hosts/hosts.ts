/** The PCs that are connected, as hosts of desktops. A PC's host stays the same object while its links come and go. */
import type { DesktopHost } from '#common/hosting/host.ts';
import {
  type HostAnswer,
  type HostArgs,
  type HostCallName,
  HostCalls,
  type HostNotice,
} from '#common/protocol/host-link.ts';
import { CALL_LIMITS, type CallLimits } from './limits.ts';
import { HostLink, LinkLost, type Wire } from './link.ts';

/**
 * Who a host is. Both count: a PC is what it says it is, so a desktop is only ever given to a session of its own owner,
 * whatever PC that session claims to be.
 */
export interface HostKey {
  pc: string;
  user: string;
}

export interface NewLink extends HostKey {
  sessionId: string;
  pcName: string;
  /** Inside the tunnel. */
  address: string;
  wire: Wire;
}

/** A PC as a host. Without a link every call fails with {@link LinkLost}. */
export interface RemoteHost extends DesktopHost, HostKey {
  readonly name: string;
  /** Address inside the tunnel; undefined without a link. */
  readonly address: string | undefined;
  /** The same, or where it was last, as long as that session lasts: its DRBD may still be there. */
  readonly lastAddress: string | undefined;
  /** Milliseconds since the epoch: the last time anything was heard; undefined before the first link. */
  readonly lastContactAt: number | undefined;
  /** Grows with every link: whatever was known of the PC before has to be asked anew. */
  readonly links: number;
}

interface Entry {
  key: HostKey;
  name: string;
  link: HostLink | undefined;
  /** Of its link, or of its last one. */
  session: string | undefined;
  wire: Wire | undefined;
  address: string | undefined;
  lastAddress: string | undefined;
  lastContactAt: number | undefined;
  links: number;
  notices: Set<(notice: HostNotice) => void>;
  host: RemoteHost;
}

export class Hosts {
  readonly #now: () => number;
  readonly #limits: CallLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(host: RemoteHost) => void>();

  /** @param options `limits`: of calls; the usual ones unless given (tests) */
  constructor({ now, limits = CALL_LIMITS }: { now: () => number; limits?: CallLimits }) {
    this.#now = now;
    this.#limits = limits;
  }

  /** `listener` is called when a PC's link came or went. Returns: stop listening. */
  onChange(listener: (host: RemoteHost) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  of(key: HostKey): RemoteHost {
    return this.#entry(key).host;
  }

  /** The PCs of this person that are connected now. */
  connectedOf(user: string): RemoteHost[] {
    return [...this.#entries.values()].filter((e) => e.key.user === user && e.link !== undefined).map((e) => e.host);
  }

  /** A PC has connected; an older link of the same PC and person is hung up. Returns what to feed its messages to. */
  connect(wanted: NewLink): { receive(text: string): void; heard(): void; ended(): void } {
    const entry = this.#entry(wanted);
    entry.wire?.close('the PC has connected anew');
    entry.link?.ended();
    const link = new HostLink({
      wire: wanted.wire,
      pcName: wanted.pcName,
      limits: this.#limits,
      onNotice: (notice) => {
        for (const listener of entry.notices) listener(notice);
      },
    });
    const { wire, address, sessionId, pcName } = wanted;
    Object.assign(entry, { link, wire, address, session: sessionId, name: pcName, links: entry.links + 1 });
    entry.lastAddress = address;
    entry.lastContactAt = this.#now();
    this.#tell(entry.host);
    return {
      receive: (text) => {
        if (entry.link === link) entry.lastContactAt = this.#now();
        link.receive(text);
      },
      heard: () => {
        if (entry.link === link) entry.lastContactAt = this.#now();
      },
      ended: () => {
        link.ended();
        if (entry.link !== link) return;
        Object.assign(entry, { link: undefined, wire: undefined, address: undefined });
        this.#tell(entry.host);
      },
    };
  }

  /** After a restart: where a PC is that has not connected yet, but whose tunnel is up. */
  remember(key: HostKey, { sessionId, address }: { sessionId: string; address: string }): void {
    const entry = this.#entry(key);
    if (entry.link === undefined) Object.assign(entry, { session: sessionId, lastAddress: address });
  }

  /** Hangs up on the PC of a session that is over; its address may be another PC's from now on. */
  sessionEnded(sessionId: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.session !== sessionId) continue;
      entry.lastAddress = undefined;
      entry.wire?.close('the session is over');
    }
  }

  close(): void {
    for (const { wire, link } of this.#entries.values()) {
      wire?.close('the server is stopping');
      link?.ended();
    }
    this.#listeners.clear();
  }

  #tell(host: RemoteHost): void {
    for (const listener of this.#listeners) listener(host);
  }

  #entry({ pc, user }: HostKey): Entry {
    const id = JSON.stringify([pc, user]);
    const known = this.#entries.get(id);
    if (known) return known;
    const entry: Omit<Entry, 'host'> = {
      key: { pc, user },
      name: pc,
      ...{ link: undefined, session: undefined, wire: undefined, address: undefined, lastAddress: undefined },
      lastContactAt: undefined,
      links: 0,
      notices: new Set(),
    };
    const whole = Object.assign(entry, { host: remoteHost(entry) });
    this.#entries.set(id, whole);
    return whole;
  }
}

function remoteHost(entry: Omit<Entry, 'host'>): RemoteHost {
  const call = async <K extends HostCallName>(name: K, args: HostArgs<K>, signal?: AbortSignal) => {
    if (entry.link === undefined) throw new LinkLost(`${entry.name} is not connected`);
    return (await entry.link.call(name, args, signal)) as HostAnswer<K>;
  };
  const calls = Object.fromEntries(
    Object.keys(HostCalls).map((name) => [
      name,
      (args: never, signal?: AbortSignal) => call(name as HostCallName, args, signal),
    ]),
  ) as unknown as Pick<DesktopHost, HostCallName>;
  return {
    ...calls,
    onNotice: (listener) => {
      entry.notices.add(listener);
      return () => entry.notices.delete(listener);
    },
    ...entry.key,
    get name() {
      return entry.name;
    },
    get address() {
      return entry.address;
    },
    get lastAddress() {
      return entry.lastAddress;
    },
    get lastContactAt() {
      return entry.lastContactAt;
    },
    get links() {
      return entry.links;
    },
  };
}
