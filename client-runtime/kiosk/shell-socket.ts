/** The runtime's end of the UNIX socket to the shell: one JSON object a line, both ways. One shell at a time. */
import { chmod, chown, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { Value } from 'typebox/value';
import { type ShellCommand, ShellEvent } from './protocol.ts';

/** Longer lines are no event. */
const MAX_LINE_BYTES = 8 * 1024;

export interface ShellSocketOptions {
  path: string;
  /** Group that may connect; the runtime's own unless given. */
  gid?: number;
  onConnected(connected: boolean): void;
  onEvent(event: ShellEvent): void;
  /** The connection was dropped because of what came. */
  onNonsense(why: string): void;
}

export class ShellSocket {
  readonly #options: ShellSocketOptions;
  readonly #server: Server;
  #shell: Socket | undefined;

  constructor(options: ShellSocketOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#welcome(socket));
  }

  async start(): Promise<void> {
    const { path, gid } = this.#options;
    await rm(path, { force: true }); // left by a runtime that was killed
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    if (gid !== undefined) await chown(path, -1, gid);
    await chmod(path, 0o660);
  }

  /** False when there is no shell. */
  send(command: ShellCommand): boolean {
    if (!this.#shell?.writable) return false;
    this.#shell.write(`${JSON.stringify(command)}\n`);
    return true;
  }

  async stop(): Promise<void> {
    this.#shell?.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A new shell takes the place of the old one: the old one has crashed, or will. */
  #welcome(socket: Socket): void {
    const previous = this.#shell;
    this.#shell = socket;
    if (previous) {
      previous.destroy();
      this.#options.onConnected(false);
    }
    const lines = new Lines();
    const drop = (why: string) => {
      this.#options.onNonsense(why);
      socket.destroy();
    };
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#shell !== socket) return;
      this.#shell = undefined;
      this.#options.onConnected(false);
    });
    socket.on('data', (chunk) => {
      for (const line of lines.add(chunk)) {
        if (socket.destroyed || this.#shell !== socket) return;
        const event = line === undefined ? undefined : parse(line);
        if (event === undefined) return drop(line === undefined ? 'the line is too long' : 'not an event');
        this.#options.onEvent(event);
      }
    });
    this.#options.onConnected(true);
  }
}

/** Cuts a stream of bytes into lines; `undefined` stands for one that is too long. */
class Lines {
  #rest = Buffer.alloc(0);

  *add(chunk: Buffer): Generator<string | undefined> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (let end = this.#rest.indexOf(10); end >= 0; end = this.#rest.indexOf(10)) {
      const line = this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end + 1);
      yield line.length > MAX_LINE_BYTES ? undefined : line.toString('utf8');
    }
    if (this.#rest.length > MAX_LINE_BYTES) {
      this.#rest = Buffer.alloc(0);
      yield undefined;
    }
  }
}

function parse(line: string): ShellEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return Value.Check(ShellEvent, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
