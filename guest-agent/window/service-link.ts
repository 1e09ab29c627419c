/** The window's end of the agent's local socket: one JSON object a line. Connects again by itself. */
import type { Wish } from '#common/protocol/host-guest.ts';
import type { Reply, View } from '../control/protocol.ts';
import { Gio, GLib, type SocketConnection } from './gi.ts';

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
  #connection: SocketConnection | undefined;

  constructor(options: ServiceLinkOptions) {
    this.#options = options;
  }

  start(): void {
    const client = new Gio.SocketClient();
    client.connect_async(Gio.UnixSocketAddress.new(this.#options.path), null, (_, result) => {
      try {
        this.#connection = client.connect_finish(result);
      } catch {
        this.#lost();
        return;
      }
      this.#read(new Gio.DataInputStream({ base_stream: this.#connection.get_input_stream() }));
    });
  }

  send(id: number, wish: Wish): void {
    try {
      const line = new TextEncoder().encode(`${JSON.stringify({ id, wish })}\n`);
      if (this.#connection === undefined) throw new Error('no service');
      this.#connection.get_output_stream().write_all(line, null);
    } catch {
      this.#options.onAnswer(id, { message: 'The agent’s service does not run.' });
    }
  }

  #read(stream: InstanceType<typeof Gio.DataInputStream>): void {
    stream.read_line_async(GLib.PRIORITY_DEFAULT, null, (_, result) => {
      let line: string | null = null;
      try {
        [line] = stream.read_line_finish_utf8(result);
      } catch {
        // as if it had ended
      }
      if (line === null) {
        this.#lost();
        return;
      }
      this.#handle(JSON.parse(line) as Reply); // our own service, which is root
      this.#read(stream);
    });
  }

  #handle(reply: Reply): void {
    if ('view' in reply) this.#options.onView(reply.view);
    else this.#options.onAnswer(reply.answer, reply.error);
  }

  #lost(): void {
    try {
      this.#connection?.close(null);
    } catch {
      // it is gone either way
    }
    this.#connection = undefined;
    this.#options.onLost();
    GLib.timeout_add(GLib.PRIORITY_DEFAULT, RETRY_MS, () => {
      this.start();
      return GLib.SOURCE_REMOVE;
    });
  }
}
