/** The service's local socket. Every person who is logged in to the desktop may use it: it is their desktop. */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { Value } from 'typebox/value';
import { messageOf, UserError } from '#common/errors.ts';
import type { Wish } from '#common/protocol/host-guest.ts';
import { LINE_LIMIT, type Reply, Request, type View } from './protocol.ts';

/** Command lines and windows at once. */
const CLIENTS = 32;
/** Bytes that may wait for a client that does not read; then it is hung up on. */
const UNREAD_LIMIT = 1024 * 1024;

export interface ControlServerOptions {
  path: string;
  view(): View;
  onWish(wish: Wish): Promise<void>;
}

export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();

  constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#welcome(socket));
    this.#server.maxConnections = CLIENTS;
  }

  async start(): Promise<void> {
    const { path } = this.#options;
    const file = process.platform !== 'win32';
    if (file) await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(new UserError(`the agent cannot listen at ${path}: ${messageOf(cause)}`, { cause })),
      );
      this.#server.listen({ path, readableAll: true, writableAll: true }, resolve);
    });
    if (file) await chmod(path, 0o666);
  }

  /** Tells every client what is known now. */
  publish(): void {
    for (const client of this.#clients) this.#send(client, { view: this.#options.view() });
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #welcome(client: Socket): void {
    this.#clients.add(client);
    let line = '';
    client.setEncoding('utf8');
    client.on('error', () => {}); // 'close' follows
    client.on('close', () => this.#clients.delete(client));
    client.on('data', (text: string) => {
      const lines = `${line}${text}`.split('\n');
      line = lines.pop() ?? '';
      if (Buffer.byteLength(line) > LINE_LIMIT) client.destroy();
      for (const whole of lines) void this.#request(client, whole);
    });
    this.#send(client, { view: this.#options.view() });
  }

  async #request(client: Socket, line: string): Promise<void> {
    const request = parse(line);
    if (request === undefined) {
      client.destroy();
      return;
    }
    try {
      await this.#options.onWish(request.wish);
      this.#send(client, { answer: request.id });
    } catch (error) {
      const hint = error instanceof UserError ? error.hint : undefined;
      this.#send(client, {
        answer: request.id,
        error: { message: messageOf(error), ...(hint !== undefined && { hint }) },
      });
    }
  }

  #send(client: Socket, reply: Reply): void {
    if (client.destroyed) return;
    if (client.writableLength > UNREAD_LIMIT) client.destroy();
    else client.write(`${JSON.stringify(reply)}\n`);
  }
}

function parse(line: string): Request | undefined {
  if (line.length > LINE_LIMIT) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return Value.Check(Request, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
