/** The shell's end of the UNIX socket to the runtime: one JSON object a line, both ways. Connects again by itself. */
import Gio from 'gi://Gio?version=2.0';
import GLib from 'gi://GLib?version=2.0';
import type { ShellCommand, ShellEvent } from '../kiosk/protocol.ts';
import { log } from './log.ts';

const RETRY_MS = 500;

export interface RuntimeLinkOptions {
  /** Path of the socket. */
  path: string;
  onCommand(command: ShellCommand): void;
  onConnected(): void;
  /** The runtime has gone; the link is being tried again. */
  onLost(): void;
}

export class RuntimeLink {
  readonly #options: RuntimeLinkOptions;
  #connection: Gio.SocketConnection | undefined;

  constructor(options: RuntimeLinkOptions) {
    this.#options = options;
  }

  start(): void {
    const client = new Gio.SocketClient();
    client.connect_async(Gio.UnixSocketAddress.new(this.#options.path), null, (_, result) => {
      try {
        this.#connection = client.connect_finish(result);
      } catch {
        this.#again(); // the runtime is not up yet
        return;
      }
      this.#read(new Gio.DataInputStream({ base_stream: this.#connection.get_input_stream() }));
      this.#options.onConnected();
    });
  }

  /** Tells the runtime; dropped when there is none (it asks again for everything when it is back). */
  send(event: ShellEvent): void {
    try {
      const line = new TextEncoder().encode(`${JSON.stringify(event)}\n`);
      this.#connection?.get_output_stream().write_all(line, null);
    } catch (error) {
      log(`the runtime does not listen: ${error}`);
    }
  }

  #read(stream: Gio.DataInputStream): void {
    stream.read_line_async(GLib.PRIORITY_DEFAULT, null, (_, result) => {
      let line: string | null = null;
      try {
        [line] = stream.read_line_finish_utf8(result);
      } catch (error) {
        log(`reading from the runtime failed: ${error}`);
      }
      if (line === null) {
        this.#lost();
        return;
      }
      this.#handle(line);
      this.#read(stream);
    });
  }

  #handle(line: string): void {
    try {
      this.#options.onCommand(JSON.parse(line) as ShellCommand); // the runtime is root and checks what it sends
    } catch {
      log('a command was not understood'); // without the line: it may hold a ticket
    }
  }

  #lost(): void {
    try {
      this.#connection?.close(null);
    } catch {
      // it is gone either way
    }
    this.#connection = undefined;
    this.#options.onLost();
    this.#again();
  }

  #again(): void {
    GLib.timeout_add(GLib.PRIORITY_DEFAULT, RETRY_MS, () => {
      this.start();
      return GLib.SOURCE_REMOVE;
    });
  }
}
