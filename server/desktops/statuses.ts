/** What DRBD says of every desktop's disk on this server, as it is told. */
import type { Logger } from 'pino';
import { watchDrbd } from '#common/drbd/events.ts';
import type { DrbdStatus } from '#common/protocol/host-link.ts';
import { idOfResource, isWhole } from './replication.ts';

export interface StatusesOptions {
  log: Logger;
  onStatus(id: string, status: DrbdStatus): void;
  /** This end has just got everything, or was found so. */
  onWhole(id: string): void;
}

export class Statuses {
  readonly #options: StatusesOptions;
  readonly #known = new Map<string, DrbdStatus>();
  readonly #closing = new AbortController();

  constructor(options: StatusesOptions) {
    this.#options = options;
  }

  /** Begins to listen. */
  open(): void {
    void watchDrbd({
      signal: this.#closing.signal,
      onError: (err) => this.#options.log.debug({ err }, 'drbdsetup events2'),
      onStatus: (name, status) => {
        const id = idOfResource(name);
        if (id !== undefined) this.#take(id, status);
      },
    });
  }

  /** As last heard; undefined: the resource is not up. */
  get(id: string): DrbdStatus | undefined {
    return this.#known.get(id);
  }

  forget(id: string): void {
    this.#known.delete(id);
  }

  close(): void {
    this.#closing.abort();
  }

  #take(id: string, status: DrbdStatus | undefined): void {
    const before = this.#known.get(id);
    if (!status) {
      this.forget(id);
      return;
    }
    this.#known.set(id, status);
    this.#options.onStatus(id, status);
    if (isWhole(status) && !(before && isWhole(before))) this.#options.onWhole(id);
  }
}
