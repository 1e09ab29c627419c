/** The window's end of the agent's local socket: one JSON object a line. Connects again by itself. */
import { LineLink } from '#common/gjs/line-link.ts';
import type { Wish } from '#common/protocol/host-guest.ts';
import type { Reply, View } from '../control/protocol.ts';
import { Gio, GLib } from './gi.ts';

const RETRY_MS = 1000;

export interface ServiceLinkOptions {
  /** Path of the socket. */
  path: string;
  onView(view: View): void;
  onAnswer(id: number, error: { message: string; hint?: string } | undefined): void;
  /** The service is not there; it is being tried again. */
  onLost(): void;
}

export class ServiceLink {
  readonly #options: ServiceLinkOptions;
  readonly #link: LineLink;

  constructor(options: ServiceLinkOptions) {
    this.#options = options;
    this.#link = new LineLink({
      gio: Gio,
      glib: GLib,
      path: options.path,
      retryMs: RETRY_MS,
      onConnected: () => {}, // the service tells its view unasked
      onLine: (line) => this.#handle(JSON.parse(line) as Reply), // our own service, which is root
      onAbsent: () => options.onLost(),
      onEnded: () => options.onLost(),
    });
  }

  start(): void {
    this.#link.start();
  }

  send(id: number, wish: Wish): void {
    if (!this.#sent(id, wish)) this.#options.onAnswer(id, { message: 'The agent’s service does not run.' });
  }

  #sent(id: number, wish: Wish): boolean {
    try {
      return this.#link.send({ id, wish });
    } catch {
      return false;
    }
  }

  #handle(reply: Reply): void {
    if ('view' in reply) this.#options.onView(reply.view);
    else this.#options.onAnswer(reply.answer, reply.error);
  }
}
