/**
 * What the kiosk page is served by: its files, and the WebSocket `/kiosk` on which the state goes out and commands come
 * in. On 127.0.0.1 only, for pages of this very origin only.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, relative } from 'node:path';
import { Value } from 'typebox/value';
import { type WebSocket, WebSocketServer } from 'ws';
import { KioskCommand, type KioskState } from './protocol.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** A command is a log-in at most: a user name and a password. */
const MAX_COMMAND_BYTES = 16 * 1024;

export interface LocalServerOptions {
  /** Folder with index.html and what belongs to it. */
  pageFolder: string;
  port: number;
  state(): KioskState;
  onCommand(command: KioskCommand): void;
  /** A message that is no command: how many bytes, never what. */
  onNonsense(bytes: number): void;
  /** A page is connected now, or none is any more. */
  onPage(connected: boolean): void;
}

export class LocalServer {
  readonly #options: LocalServerOptions;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  #files = new Map<string, { type: string; body: Buffer }>();

  constructor(options: LocalServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_COMMAND_BYTES, perMessageDeflate: false });
    this.#server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/kiosk' || !this.#isOurs(request) || !this.#sameOrigin(request)) {
        socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (page) => this.#welcome(page));
    });
  }

  /** Reads the page's files and listens. Returns the port (for port 0, the one that was free). */
  async start(): Promise<number> {
    this.#files = await readFolder(this.#options.pageFolder);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, '127.0.0.1', resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  publish(state: KioskState): void {
    const text = JSON.stringify(state);
    for (const page of this.#sockets.clients) page.send(text);
  }

  async stop(): Promise<void> {
    for (const page of this.#sockets.clients) page.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const answer = (status: number, type = 'text/plain', body: string | Buffer = '') => {
      response.writeHead(status, { ...HEADERS, 'content-type': type, 'content-length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? '' : body);
    };
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const file = this.#files.get(path === '/' ? '/index.html' : path);
    if (!this.#isOurs(request)) answer(421);
    else if (request.method !== 'GET' && request.method !== 'HEAD') answer(405);
    else if (file) answer(200, file.type, file.body);
    else answer(404);
  }

  #welcome(page: WebSocket): void {
    page.on('error', () => page.terminate());
    page.on('close', () => this.#options.onPage(this.#sockets.clients.size > 0));
    page.on('message', (data, isBinary) => {
      const text = isBinary ? '' : String(data);
      const command = parse(text);
      if (command) this.#options.onCommand(command);
      else this.#options.onNonsense(Buffer.byteLength(text));
    });
    page.send(JSON.stringify(this.#options.state()));
    this.#options.onPage(true);
  }

  /** Asked for by our own name: other names that lead here (DNS rebinding) are somebody else's page. */
  #isOurs({ headers: { host } }: IncomingMessage): boolean {
    const { port } = this.#server.address() as AddressInfo;
    return host === `127.0.0.1:${port}`;
  }

  #sameOrigin({ headers: { host, origin } }: IncomingMessage): boolean {
    return origin === `http://${host}`;
  }
}

function parse(text: string): KioskCommand | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(KioskCommand, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function readFolder(folder: string): Promise<Map<string, { type: string; body: Buffer }>> {
  const files = new Map<string, { type: string; body: Buffer }>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(`/${relative(folder, path)}`, { type, body: await readFile(path) });
  }
  return files;
}
