/**
 * The page for a browser's app window, where there is no window of our own (Windows): served on 127.0.0.1 at a port that was
 * free, to this person only. Files say nothing about anybody; the WebSocket behind them wants the token that only the
 * window's address has, and the page's own origin.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type WebSocket, WebSocketServer } from 'ws';
import { messageOf, UserError } from '#common/errors.ts';
import { Wish } from '#common/protocol/host-guest.ts';
import { ControlClient } from '../control/client.ts';
import type { ToPage } from '../page/protocol.ts';

const TYPES: Record<string, string> = {
  '/index.html': 'text/html; charset=utf-8',
  '/main.js': 'text/javascript; charset=utf-8',
  '/main.css': 'text/css; charset=utf-8',
  '/icon.svg': 'image/svg+xml',
};
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
const MESSAGE_LIMIT = 1024;
/** Between two attempts to reach the service, ms. */
const RETRY_MS = 1000;

const FromPage = Type.Object({ id: Type.Integer({ minimum: 0 }), wish: Wish }, { additionalProperties: false });
type FromPage = Static<typeof FromPage>;

export interface PageServerOptions {
  /** `index.html`, `main.js`, `main.css`, `icon.svg`. */
  file(name: string): Promise<Uint8Array>;
  /** Path of the service's local socket. */
  control: string;
  /** No page is connected any more. */
  onAlone(): void;
}

export class PageServer {
  readonly #options: PageServerOptions;
  readonly #token = randomBytes(24).toString('base64url');
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  #client: ControlClient | undefined;
  #known: ToPage = { say: 'noService', since: Date.now() };
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: PageServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: MESSAGE_LIMIT,
      perMessageDeflate: false,
      handleProtocols: (offered) => [...offered][0] ?? false,
    });
    this.#server.on('upgrade', (request, socket, head) => {
      if (this.#isOurPage(request)) this.#sockets.handleUpgrade(request, socket, head, (page) => this.#welcome(page));
      else socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    });
  }

  /** Listens. Returns the address for the window, with the token. */
  async start(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    void this.#connect();
    return `http://${this.#host()}/#${this.#token}`;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#client?.close();
    for (const page of this.#sockets.clients) page.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, type = 'text/plain', body: Uint8Array = new Uint8Array()) => {
      response.writeHead(status, { ...HEADERS, 'content-type': type, 'content-length': body.length });
      response.end(request.method === 'HEAD' ? '' : body);
    };
    const path = request.url === '/' ? '/index.html' : (request.url ?? '');
    const type = TYPES[path];
    // another name that leads here (DNS rebinding) is somebody else's page
    if (request.headers.host !== this.#host()) answer(421);
    else if (request.method !== 'GET' && request.method !== 'HEAD') answer(405);
    else if (type === undefined) answer(404);
    else answer(200, type, await this.#options.file(path.slice(1)));
  }

  #isOurPage({ url, headers }: IncomingMessage): boolean {
    const host = this.#host();
    if (url !== '/agent' || headers.host !== host || headers.origin !== `http://${host}`) return false;
    const offered = Buffer.from(headers['sec-websocket-protocol'] ?? '');
    const expected = Buffer.from(`token.${this.#token}`);
    return offered.length === expected.length && timingSafeEqual(offered, expected);
  }

  #welcome(page: WebSocket): void {
    page.on('error', () => page.terminate());
    page.on('close', () => {
      if (this.#sockets.clients.size === 0 && !this.#stopped) this.#options.onAlone();
    });
    page.on('message', (data, isBinary) => {
      const message = isBinary ? undefined : parse(String(data));
      if (message) void this.#wish(page, message);
      else page.terminate();
    });
    send(page, this.#known);
  }

  async #wish(page: WebSocket, { id, wish }: FromPage): Promise<void> {
    try {
      if (this.#client === undefined) throw new UserError('the agent’s service does not run');
      await this.#client.wish(wish);
      send(page, { say: 'answer', id });
    } catch (error) {
      const hint = error instanceof UserError ? error.hint : undefined;
      send(page, { say: 'answer', id, error: { message: messageOf(error), ...(hint !== undefined && { hint }) } });
    }
  }

  async #connect(): Promise<void> {
    try {
      const client = await ControlClient.connect(this.#options.control);
      this.#client = client;
      client.onView((view) => this.#tell({ say: 'view', view }));
      await client.closed;
    } catch {
      // the service is not there; the page is told below
    }
    this.#client = undefined;
    if (this.#stopped) return;
    if (this.#known.say !== 'noService') this.#tell({ say: 'noService', since: Date.now() });
    this.#retry = setTimeout(() => void this.#connect(), RETRY_MS);
  }

  #tell(message: ToPage): void {
    this.#known = message;
    for (const page of this.#sockets.clients) send(page, message);
  }
}

function send(page: WebSocket, message: ToPage): void {
  page.send(JSON.stringify(message));
}

function parse(text: string): FromPage | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(FromPage, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
