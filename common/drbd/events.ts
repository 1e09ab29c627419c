/** What the kernel tells about DRBD resources: `drbdsetup events2`, pushed line by line. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, UserError } from '#common/errors.ts';
import { followLines } from '#common/process.ts';
import type { DrbdStatus } from '#common/protocol/host-link.ts';

/** Milliseconds until the first and the longest wait between two starts of `events2`. */
const BACK_OFF = { first: 500, most: 10_000 };
/** Milliseconds between two looks at the counters. */
const LOOK_EVERY = 1000;

export interface WatchOptions {
  signal: AbortSignal;
  /** Called with every change; `undefined`: the resource is gone. */
  onStatus(name: string, status: DrbdStatus | undefined): void;
  /** `events2` ended or could not be started; it is started again. */
  onError(error: Error): void;
}

const UNKNOWN: DrbdStatus = {
  role: 'Unknown',
  disk: 'Diskless',
  connection: 'StandAlone',
  replication: 'Off',
  peerRole: 'Unknown',
  peerDisk: 'DUnknown',
  outOfSyncKiB: 0,
  resyncKiB: 0,
  receivedKiB: 0,
  sentKiB: 0,
  writtenKiB: 0,
  readKiB: 0,
  suspended: false,
};

/** Keeps the last known status of every resource, from lines of `events2`. Pure but for its own memory. */
export class DrbdEvents {
  readonly #known = new Map<string, DrbdStatus>();
  /** Minor number -> resource. */
  readonly #minors = new Map<number, string>();
  #complete = false;

  /** Takes one line; the name of the resource that it is about, if it is about one. */
  take(line: string): string | undefined {
    const [event, kind, ...words] = line.trim().split(' ');
    if (event === 'exists' && kind === '-') this.#complete = true;
    const fields = new Map(words.map((w) => [w.slice(0, w.indexOf(':')), w.slice(w.indexOf(':') + 1)]));
    const name = fields.get('name');
    if (!event || !kind || !name) return undefined;
    if (event === 'destroy') this.#forget(name, kind);
    else if (event === 'exists' || event === 'create' || event === 'change') {
      this.#known.set(name, { ...(this.#known.get(name) ?? UNKNOWN), ...changes(kind, fields) });
      const minor = fields.get('minor');
      if (kind === 'device' && minor !== undefined) this.#minors.set(Number(minor), name);
    } else return undefined;
    return name;
  }

  /**
   * Takes /proc/drbd, which has the counters: the kernel pushes changes of state, not how far a resync is. Names of the
   * resources about which there is something new to tell.
   */
  takeCounters(procDrbd: string): string[] {
    const told: string[] = [];
    for (const [, minor, counters = '', next = ''] of procDrbd.matchAll(/^ *(\d+): cs:.*\n +(ns:.*)$(?=\n(.*)|)/gm)) {
      const name = this.#minors.get(Number(minor));
      const known = name === undefined ? undefined : this.#known.get(name);
      if (name === undefined || !known) continue;
      const of = (word: string) => Number(counters.match(new RegExp(`\\b${word}:(\\d+)`))?.[1] ?? 0);
      const [outOfSyncKiB, sentKiB, receivedKiB] = [of('oos'), of('ns'), of('nr')];
      const moved = known.outOfSyncKiB !== outOfSyncKiB;
      const copying = known.replication !== 'Off' && known.replication !== 'Established';
      const [writtenKiB, readKiB] = [of('dw'), of('dr')];
      const resyncKiB = copying ? (totalKiB(next) ?? known.resyncKiB ?? 0) : 0;
      this.#known.set(name, { ...known, outOfSyncKiB, resyncKiB, sentKiB, receivedKiB, writtenKiB, readKiB });
      if (moved || copying) told.push(name);
    }
    return told;
  }

  get(name: string): DrbdStatus | undefined {
    return this.#known.get(name);
  }

  get all(): ReadonlyMap<string, DrbdStatus> {
    return this.#known;
  }

  /** All that existed at the start has been told. */
  get complete(): boolean {
    return this.#complete;
  }

  #forget(name: string, kind: string): void {
    const known = this.#known.get(name);
    if (kind === 'resource') {
      this.#known.delete(name);
      for (const [minor, of] of this.#minors) if (of === name) this.#minors.delete(minor);
    } else if (known && (kind === 'connection' || kind === 'peer-device')) {
      const { connection, replication, peerRole, peerDisk } = UNKNOWN;
      this.#known.set(name, { ...known, connection, replication, peerRole, peerDisk });
    } else if (known && kind === 'device') this.#known.set(name, { ...known, disk: UNKNOWN.disk });
  }
}

/** `sync'ed: 33.3% (174080/262144)K`, what is left and all of it (drbd_proc.c); undefined for any other line. */
function totalKiB(line: string): number | undefined {
  const [, total, unit] = /sync'ed:.*\(\d+\/(\d+)\)([KM])/.exec(line) ?? [];
  return total === undefined ? undefined : Number(total) * (unit === 'M' ? 1024 : 1);
}

/** The output of `events2 --now`. */
export function parseNow(output: string): ReadonlyMap<string, DrbdStatus> {
  const events = new DrbdEvents();
  for (const line of output.split('\n')) events.take(line);
  return events.all;
}

function changes(kind: string, fields: ReadonlyMap<string, string>): Partial<DrbdStatus> {
  const result: Partial<DrbdStatus> = {};
  const text = (field: string, key: 'disk' | 'connection' | 'replication' | 'peerRole' | 'peerDisk') => {
    const value = fields.get(field);
    if (value !== undefined) result[key] = value;
  };
  const count = (field: string, key: 'outOfSyncKiB' | 'receivedKiB' | 'sentKiB' | 'writtenKiB' | 'readKiB') => {
    const value = Number(fields.get(field));
    if (fields.has(field) && Number.isSafeInteger(value) && value >= 0) result[key] = value;
  };
  switch (kind) {
    case 'resource': {
      const role = fields.get('role');
      if (role !== undefined) result.role = role === 'Primary' || role === 'Secondary' ? role : 'Unknown';
      const suspended = fields.get('suspended');
      if (suspended !== undefined) result.suspended = suspended !== 'no';
      break;
    }
    case 'device':
      text('disk', 'disk');
      count('read', 'readKiB');
      count('written', 'writtenKiB');
      break;
    case 'connection':
      text('connection', 'connection');
      text('role', 'peerRole');
      break;
    case 'peer-device':
      text('replication', 'replication');
      text('peer-disk', 'peerDisk');
      count('received', 'receivedKiB');
      count('sent', 'sentKiB');
      count('out-of-sync', 'outOfSyncKiB');
      break;
  }
  return result;
}

/** Tells every change of every resource until the signal. Starts `events2` again when it ends. */
export async function watchDrbd({ signal, onStatus, onError }: WatchOptions): Promise<void> {
  let wait = BACK_OFF.first;
  const told = new Set<string>();
  const tell: WatchOptions['onStatus'] = (name, status) => {
    if (status) told.add(name);
    else told.delete(name);
    onStatus(name, status);
  };
  while (!signal.aborted) {
    const before = Date.now();
    try {
      await watchOnce(signal, { told, tell });
    } catch (error) {
      if (signal.aborted) return;
      onError(error instanceof Error ? error : new Error(messageOf(error)));
    }
    wait = Date.now() - before > BACK_OFF.most ? BACK_OFF.first : Math.min(wait * 2, BACK_OFF.most);
    await sleep(wait, undefined, { signal }).catch(() => {});
  }
}

async function watchOnce(
  signal: AbortSignal,
  { told, tell }: { told: ReadonlySet<string>; tell: WatchOptions['onStatus'] },
): Promise<void> {
  const events = new DrbdEvents();
  const onLine = (line: string) => {
    const before = events.complete;
    const name = events.take(line);
    if (before && name !== undefined) tell(name, events.get(name));
    if (before || !events.complete) return;
    for (const [known, status] of events.all) tell(known, status);
    for (const gone of [...told].filter((known) => !events.all.has(known))) tell(gone, undefined);
  };
  const timer = setInterval(() => void lookAtCounters(events, tell), LOOK_EVERY);
  try {
    const exit = await followLines(['drbdsetup', 'events2', '--statistics', 'all'], { signal, onLine });
    throw new UserError(`drbdsetup events2 ended (${exit.signal ?? exit.code})`);
  } finally {
    clearInterval(timer);
  }
}

async function lookAtCounters(events: DrbdEvents, onStatus: WatchOptions['onStatus']): Promise<void> {
  if (events.all.size === 0) return;
  const text = await readFile('/proc/drbd', 'utf8').catch(() => '');
  for (const name of events.takeCounters(text)) onStatus(name, events.get(name));
}
