import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { build } from 'esbuild';
import { type WebSocket, WebSocketServer } from 'ws';
import { messageOf, UserError } from '#common/errors.ts';
import { ACTIONS, type Action, type DemoState, type MachineName } from './state.ts';

const PAGE = new URL('./page/', import.meta.url);

export interface PageOptions {
  /** Taken if free; with `exact`, a busy port is an error instead of another port. */
  port: number;
  exact: boolean;
  state: () => DemoState;
  /** VNC socket of a machine that is on. */
  vncSocket: (machine: MachineName) => string | undefined;
  act: (machine: MachineName, action: Action) => Promise<void>;
}

/** The demo's web page on 127.0.0.1: the machines' screens by VNC over WebSocket, and what is going on. */
export class PageServer {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #watchers = new Set<WebSocket>();
  readonly #options: PageOptions;

  private constructor(server: Server, sockets: WebSocketServer, options: PageOptions, port: number) {
    this.url = `http://127.0.0.1:${port}/`;
    this.#server = server;
    this.#sockets = sockets;
    this.#options = options;
  }

  static async start(options: PageOptions): Promise<PageServer> {
    const files = await pageFiles();
    const server = createServer((request, response) => void page.#answer(files, request, response));
    const sockets = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => page.#upgrade(request, socket, head));
    const port = await listen(server, options);
    const page = new PageServer(server, sockets, options, port);
    return page;
  }

  /** Tells every open page the state of now. */
  changed(): void {
    const text = JSON.stringify(this.#options.state());
    for (const socket of this.#watchers) socket.send(text);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Only pages of ours: another site that the person has open must not reach the machines, nor by another name. */
  #isOurs(request: IncomingMessage): boolean {
    const { host } = new URL(this.url);
    const { origin } = request.headers;
    return request.headers.host === host && (origin === undefined || origin === `http://${host}`);
  }

  async #answer(files: Map<string, PageFile>, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', this.url);
    const file = files.get(pathname);
    const [, machine, action] = /^\/machines\/(server|pc)\/([a-z-]+)$/.exec(pathname) ?? [];
    try {
      if (!this.#isOurs(request)) return end(response, 403, 'text/plain', 'not from here');
      if (request.method === 'GET' && file) return end(response, 200, file.type, file.content);
      if (request.method === 'POST' && machine && ACTIONS.includes(action as Action)) {
        if (request.headers.origin === undefined) return end(response, 403, 'text/plain', 'not from here');
        await this.#options.act(machine as MachineName, action as Action);
        return end(response, 204, 'text/plain', '');
      }
      end(response, 404, 'text/plain', 'there is no such thing here');
    } catch (error) {
      end(response, 409, 'text/plain', messageOf(error));
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { pathname } = new URL(request.url ?? '/', this.url);
    const [, machine] = /^\/vnc\/(server|pc)$/.exec(pathname) ?? [];
    const vnc = machine ? this.#options.vncSocket(machine as MachineName) : undefined;
    if (!this.#isOurs(request) || (pathname !== '/state' && !vnc)) return void socket.destroy();
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      if (vnc) return joinVnc(ws, vnc);
      this.#watchers.add(ws);
      ws.on('close', () => this.#watchers.delete(ws));
      ws.on('error', () => ws.terminate());
      ws.send(JSON.stringify(this.#options.state()));
    });
  }
}

/** Bytes both ways between a page and a machine's VNC server; neither is read faster than the other takes it. */
function joinVnc(ws: WebSocket, path: string): void {
  const vnc = connect(path);
  vnc.on('data', (bytes: Buffer) => {
    vnc.pause();
    ws.send(bytes, () => vnc.resume());
  });
  ws.on('message', (bytes: Buffer) => {
    if (vnc.write(bytes)) return;
    ws.pause();
    vnc.once('drain', () => ws.resume());
  });
  vnc.on('close', () => ws.close());
  vnc.on('error', () => ws.terminate());
  ws.on('close', () => vnc.destroy());
  ws.on('error', () => vnc.destroy());
}

interface PageFile {
  type: string;
  content: string | Uint8Array;
}

async function pageFiles(): Promise<Map<string, PageFile>> {
  const bundle = await build({
    entryPoints: [new URL('main.ts', PAGE).pathname],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  return new Map<string, PageFile>([
    ['/', { type: 'text/html; charset=utf-8', content: await readFile(new URL('index.html', PAGE)) }],
    ['/main.css', { type: 'text/css; charset=utf-8', content: await readFile(new URL('main.css', PAGE)) }],
    ['/main.js', { type: 'text/javascript; charset=utf-8', content: bundle.outputFiles[0]?.contents ?? '' }],
  ]);
}

function end(response: ServerResponse, status: number, type: string, content: string | Uint8Array): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(content);
}

/** Listens on the port, or on a free one; returns which. */
async function listen(server: Server, { port, exact }: { port: number; exact: boolean }): Promise<number> {
  const attempt = (p: number) =>
    new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(p, '127.0.0.1', () => {
        server.off('error', reject);
        const address = server.address();
        resolve(address && typeof address === 'object' ? address.port : p);
      });
    });
  try {
    return await attempt(port);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (exact) {
      throw new UserError(`Port ${port} of 127.0.0.1 is in use by another program.`, {
        hint: 'Give another one with --port, or leave --port out: a free one is taken then.',
      });
    }
    return attempt(0);
  }
}
