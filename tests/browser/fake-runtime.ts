/**
 * Stands in for the runtime on the PC: serves the bundled page, says what the test wants on `/kiosk`, and keeps what
 * the page says. Knows nothing of screens, so it can show states the real runtime only reaches by misfortune.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname, join } from 'node:path';
import { Value } from 'typebox/value';
import { type WebSocket, WebSocketServer } from 'ws';
import { KioskCommand, KioskState } from '../../client-runtime/kiosk/protocol.ts';

const TYPES: Partial<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.woff2': 'font/woff2',
};

export class FakeRuntime {
  /** Everything the page has said, in order. */
  readonly commands: KioskCommand[] = [];
  /** Paths that were asked for and are not there. */
  readonly missing: string[] = [];
  readonly #folder: string;
  #http: Server | undefined;
  #sockets: WebSocketServer | undefined;
  #state: KioskState | undefined;
  #waiting: (() => void)[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http?.address() as AddressInfo).port}/`;
  }

  /** @param port 0: any free one */
  async start(port = 0): Promise<void> {
    const http = createServer((request, response) => {
      const name = basename(new URL(request.url ?? '/', 'http://x').pathname) || 'index.html';
      readFile(join(this.#folder, name)).then(
        (body) => response.setHeader('content-type', TYPES[extname(name)] ?? 'text/plain').end(body),
        () => {
          this.missing.push(name);
          response.writeHead(404).end();
        },
      );
    });
    const sockets = new WebSocketServer({ server: http, path: '/kiosk' });
    sockets.on('connection', (socket) => this.#welcome(socket));
    http.listen(port, '127.0.0.1');
    await once(http, 'listening');
    this.#http = http;
    this.#sockets = sockets;
  }

  /** Says a state to every page, and to those that come later. It has to be one that the protocol allows. */
  push(state: KioskState): void {
    if (!Value.Check(KioskState, state)) throw new Error(`not a KioskState: ${JSON.stringify(state)}`);
    this.#state = state;
    for (const socket of this.#sockets?.clients ?? []) socket.send(JSON.stringify(state));
  }

  /** The next command that was not yet taken; fails after `timeoutMs` of silence. */
  async nextCommand(timeoutMs = 3000): Promise<KioskCommand> {
    if (this.commands.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      const timer = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
    }
    const command = this.commands.shift();
    if (!command) throw new Error(`no command within ${timeoutMs} ms`);
    return command;
  }

  /** Goes away as a process that dies does; `start(port)` brings it back at the same place. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets?.clients ?? []) socket.terminate();
    this.#sockets?.close();
    this.#http?.closeAllConnections();
    const closed = this.#http && once(this.#http, 'close');
    this.#http?.close();
    await closed;
  }

  get port(): number {
    return (this.#http?.address() as AddressInfo).port;
  }

  #welcome(socket: WebSocket): void {
    if (this.#state) socket.send(JSON.stringify(this.#state));
    socket.on('message', (data) => {
      this.commands.push(Value.Parse(KioskCommand, JSON.parse(String(data))));
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }
}
