/** Who looks at a running desktop, and who may: its tickets, and the firewall openings that go with them. */
import type { Logger } from 'pino';
import { GRACE_MS, mainConnected, TICKET_SECONDS, type Ticket } from '#common/hosting/ticket.ts';
import {
  allowTicket,
  disconnectViewers,
  limitTicket,
  mainChannelOf,
  querySpice,
  revokeTicket,
  SPICE_CHANNEL_MAIN,
} from '#common/qemu/commands.ts';
import type { QmpConnection } from '#common/qemu/connection.ts';
import type { QmpEvent } from '#common/qemu/wire.ts';
import { closeFor, openFor } from '../firewall/firewall.ts';

export class Viewers {
  readonly port: number;
  #qmp: QmpConnection;
  #log: Logger;
  #onCount: () => void;
  #ticket: Ticket = { kind: 'none' };
  #timer: NodeJS.Timeout | undefined;
  /** Viewers by connection id: their addresses. */
  #connected = new Map<number, string>();
  /** Addresses that the firewall lets through to our port. */
  #open = new Set<string>();

  constructor(options: { qmp: QmpConnection; port: number; log: Logger; onCount: () => void }) {
    this.port = options.port;
    this.#qmp = options.qmp;
    this.#log = options.log;
    this.#onCount = options.onCount;
  }

  get count(): number {
    return this.#connected.size;
  }

  /** Addresses that are let through now. */
  get openings(): { peer: string; port: number }[] {
    return [...this.#open].map((peer) => ({ peer, port: this.port }));
  }

  /** Shuts out everyone without a ticket, and counts the viewers that are there (from before our process started). */
  async begin(): Promise<void> {
    await revokeTicket(this.#qmp);
    await this.#countAgain();
    for (const peer of this.#connected.values()) this.#open.add(peer);
  }

  /** A ticket for the PC at `peer`. An older one that was not used is worth nothing any more. */
  async issue(peer: string): Promise<{ password: string; expiresAt: number }> {
    await this.#forget();
    const expiresAt = Date.now() + TICKET_SECONDS * 1000;
    const password = await allowTicket(this.#qmp, TICKET_SECONDS);
    this.#ticket = { kind: 'open', peer, expiresAt };
    this.#open.add(peer);
    await openFor('viewers', { peer, port: this.port });
    this.#after(TICKET_SECONDS * 1000);
    return { password, expiresAt };
  }

  /** Cuts off one PC: its opening, its viewer, its ticket. */
  async expel(peer: string): Promise<void> {
    if (this.#ticket.kind !== 'none' && this.#ticket.peer === peer) await this.#forget();
    if ([...this.#connected.values()].includes(peer)) await this.#throwOut();
    await this.#close(peer);
  }

  /** The machine is off: nothing is left to connect to. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#connected.clear();
    for (const peer of this.#open) await this.#close(peer);
  }

  /** To be told every QMP event of this desktop. */
  async onEvent(event: QmpEvent): Promise<void> {
    const main = mainChannelOf(event);
    if (main) await this.#mainConnected(main);
    if (event.name === 'SPICE_DISCONNECTED') {
      // The event does not tell which channel it was (QAPI: SpiceBasicInfo).
      const before = [...this.#connected.keys()].join();
      await this.#countAgain();
      if ([...this.#connected.keys()].join() === before) return;
      this.#onCount();
      await this.#closeUnused();
    }
  }

  async #countAgain(): Promise<void> {
    const info = await querySpice(this.#qmp);
    const mains = (info?.channels ?? []).filter((channel) => channel.type === SPICE_CHANNEL_MAIN);
    this.#connected = new Map(mains.map((channel) => [channel.connection, channel.host]));
  }

  async #mainConnected(main: { host: string; connection: number }): Promise<void> {
    const { ticket, action } = mainConnected(this.#ticket, main, Date.now());
    this.#ticket = ticket;
    this.#connected.set(main.connection, main.host);
    this.#onCount();
    switch (action) {
      case 'revokeAfterGrace':
        this.#after(GRACE_MS);
        // A ticket used in its last second has to last for the other channels too.
        return await limitTicket(this.#qmp, GRACE_MS / 1000);
      case 'throwOut':
        this.#log.warn({ peer: main.host }, 'a viewer came without a ticket of its own: everybody was thrown out');
        return await this.#throwOut();
      case 'none':
        return;
      default:
        action satisfies never;
    }
  }

  async #throwOut(): Promise<void> {
    clearTimeout(this.#timer);
    this.#ticket = { kind: 'none' };
    await disconnectViewers(this.#qmp);
  }

  #after(ms: number): void {
    clearTimeout(this.#timer);
    const forget = () => this.#forget().catch((err) => this.#log.debug({ err }, 'the machine went before its ticket'));
    this.#timer = setTimeout(() => void forget(), ms);
  }

  /** The ticket is worth nothing from here on. */
  async #forget(): Promise<void> {
    clearTimeout(this.#timer);
    this.#ticket = { kind: 'none' };
    await revokeTicket(this.#qmp);
    await this.#closeUnused();
  }

  /** Closes what is open for nobody: no viewer from there, and no ticket for it. */
  async #closeUnused(): Promise<void> {
    const used = new Set(this.#connected.values());
    if (this.#ticket.kind !== 'none') used.add(this.#ticket.peer);
    for (const peer of this.#open) if (!used.has(peer)) await this.#close(peer);
  }

  async #close(peer: string): Promise<void> {
    if (this.#open.delete(peer)) await closeFor('viewers', { peer, port: this.port });
  }
}
