/** The PC's network cards, watched: whatever changes is told at once (`ip monitor` waits for the kernel's messages). */
import { messageOf } from '#common/errors.ts';
import { run } from '#common/run.ts';
import type { NetworkFact } from '../facts.ts';

/** What is used of `ip -json -details address show`. */
interface IpLink {
  ifname: string;
  link_type?: string;
  address?: string;
  flags?: string[];
  linkinfo?: { info_kind?: string };
  addr_info?: { local?: string; scope?: string }[];
}

const MONITOR_MS = 3_600_000;
const RETRY_MS = 2_000;
const SETTLE_MS = 50;

/** Real cards only: Ethernet, and not a bridge, tunnel or the like (those have an `info_kind`). */
export function cards(links: readonly IpLink[]): IpLink[] {
  return links.filter((l) => l.link_type === 'ether' && l.linkinfo?.info_kind === undefined);
}

/** The state of the network as one fact. `before` keeps the time since when a problem is there. */
export function networkFact(links: readonly IpLink[], before: NetworkFact, now: number): NetworkFact {
  const real = cards(links);
  const connected = real.filter((l) => l.flags?.includes('LOWER_UP'));
  const addresses = connected
    .flatMap((l) => l.addr_info ?? [])
    .filter((a) => a.scope === 'global' && a.local !== undefined)
    .map((a) => a.local ?? '');
  if (addresses.length > 0) return { kind: 'up', addresses };
  const kind = real.length === 0 ? 'noNetworkCard' : connected.length === 0 ? 'noCable' : 'noAddress';
  return before.kind === kind ? before : { kind, since: now };
}

export async function readLinks(signal?: AbortSignal): Promise<IpLink[]> {
  const { stdout } = await run(['ip', '-json', '-details', 'address', 'show'], {
    timeoutMs: 10_000,
    ...(signal && { signal }),
  });
  return JSON.parse(stdout) as IpLink[];
}

export interface WatchOptions {
  onChange(network: NetworkFact): void;
  onError(message: string): void;
  signal: AbortSignal;
}

/** Tells the state of the network now and after every change, until the signal. */
export async function watchNetwork({ onChange, onError, signal }: WatchOptions): Promise<void> {
  let fact: NetworkFact = { kind: 'unknown' };
  let waiting = false;
  const read = async () => {
    waiting = false;
    try {
      const next = networkFact(await readLinks(signal), fact, Date.now());
      const same = JSON.stringify(next) === JSON.stringify(fact);
      fact = next;
      if (!same) onChange(fact);
    } catch (error) {
      if (!signal.aborted) onError(messageOf(error));
    }
  };
  const soon = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => void read(), SETTLE_MS);
  };
  while (!signal.aborted) {
    soon();
    try {
      // Started anew now and then: `run` keeps the output.
      await run(['ip', 'monitor', 'link', 'address'], { timeoutMs: MONITOR_MS, signal, onLine: soon });
    } catch (error) {
      if (signal.aborted) return;
      if (!messageOf(error).includes('took longer')) onError(messageOf(error));
    }
    await new Promise((resolve) => setTimeout(resolve, signal.aborted ? 0 : RETRY_MS));
  }
}
