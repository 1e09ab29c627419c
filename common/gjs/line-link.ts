/**
 * One end of a UNIX socket with a JSON object a line, for programs that gjs runs: connects, and connects again by itself.
 * Gio and GLib are handed in, since each program has its own way to load them; nothing of Node is used here.
 */

/** What of Gio is used, as gjs presents it. */
export interface SocketGio {
  SocketClient: new () => SocketClient;
  UnixSocketAddress: { new: (path: string) => object };
  DataInputStream: new (properties: { base_stream: object }) => DataInputStream;
}

/** What of GLib is used, as gjs presents it. */
export interface TimerGLib {
  PRIORITY_DEFAULT: number;
  SOURCE_REMOVE: boolean;
  timeout_add(priority: number, milliseconds: number, callback: () => boolean): number;
}

interface SocketClient {
  connect_async(address: object, cancellable: null, done: (client: this, result: object) => void): void;
  connect_finish(result: object): SocketConnection;
}

interface SocketConnection {
  get_input_stream(): object;
  get_output_stream(): { write_all(data: Uint8Array, cancellable: null): unknown };
  close(cancellable: null): unknown;
}

interface DataInputStream {
  read_line_async(priority: number, cancellable: null, done: (stream: this, result: object) => void): void;
  read_line_finish_utf8(result: object): [string | null, number];
}

export interface LineLinkOptions {
  gio: SocketGio;
  glib: TimerGLib;
  /** Path of the socket. */
  path: string;
  /** How long to wait before it is tried again. */
  retryMs: number;
  onConnected(): void;
  /** One line, without its end. */
  onLine(line: string): void;
  /** Nobody answered; it is being tried again. */
  onAbsent(): void;
  /** The other end has gone, or reading failed (then with `error`); it is being tried again. */
  onEnded(error: unknown): void;
}

export class LineLink {
  readonly #options: LineLinkOptions;
  #connection: SocketConnection | undefined;

  constructor(options: LineLinkOptions) {
    this.#options = options;
  }

  start(): void {
    const { gio, path, onConnected, onAbsent } = this.#options;
    const client = new gio.SocketClient();
    client.connect_async(gio.UnixSocketAddress.new(path), null, (_, result) => {
      try {
        this.#connection = client.connect_finish(result);
      } catch {
        onAbsent();
        this.#again();
        return;
      }
      this.#read(new gio.DataInputStream({ base_stream: this.#connection.get_input_stream() }));
      onConnected();
    });
  }

  /** Returns false when nobody is connected. @throws what Gio does, when the other end does not listen */
  send(message: unknown): boolean {
    if (this.#connection === undefined) return false;
    const line = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
    this.#connection.get_output_stream().write_all(line, null);
    return true;
  }

  #read(stream: DataInputStream): void {
    stream.read_line_async(this.#options.glib.PRIORITY_DEFAULT, null, (_, result) => {
      let line: string | null = null;
      let failed: unknown;
      try {
        [line] = stream.read_line_finish_utf8(result);
      } catch (error) {
        failed = error;
      }
      if (line === null) {
        this.#ended(failed);
        return;
      }
      this.#options.onLine(line);
      this.#read(stream);
    });
  }

  #ended(error: unknown): void {
    try {
      this.#connection?.close(null);
    } catch {
      // it is gone either way
    }
    this.#connection = undefined;
    this.#options.onEnded(error);
    this.#again();
  }

  #again(): void {
    const { glib, retryMs } = this.#options;
    glib.timeout_add(glib.PRIORITY_DEFAULT, retryMs, () => {
      this.start();
      return glib.SOURCE_REMOVE;
    });
  }
}
