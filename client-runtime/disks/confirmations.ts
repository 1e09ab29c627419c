/** What the person at this PC has confirmed in this session: which disk may be written with which desktop. */
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import { sameDisk } from './rules.ts';

export class Confirmations {
  #given: { desktop: string; disk: DiskIdentity }[] = [];

  /** The person has looked at what is on the disk and has done what cannot happen by accident. */
  give(desktop: string, disk: DiskIdentity): void {
    this.#given.push({ desktop, disk });
  }

  has(desktop: string, disk: DiskIdentity): boolean {
    return this.#given.some((g) => g.desktop === desktop && sameDisk(g.disk, disk));
  }

  /** The session is over: the next person has confirmed nothing. */
  clear(): void {
    this.#given = [];
  }
}
