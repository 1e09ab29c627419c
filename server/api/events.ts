import type { FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { EVENTS_PING_SECONDS, type ServerEvent } from '#common/protocol/client-server.ts';
import type { EndReason, Principal } from '../accounts/sessions.ts';
import { askedBy } from './authorize.ts';
import { onlyWebSocket } from './errors.ts';
import type { Services } from './services.ts';
import type { TypedApp } from './typed.ts';

/** WebSocket close codes: 4000 and up are ours. */
const CLOSE_SESSION_ENDED = 4001;
/** More than this unread by a slow PC, and it is hung up on; it comes back and gets everything anew. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
/** Nothing is expected from the other end; what is longer than this is no mistake any more. */
const MAX_RECEIVED_BYTES = 4096;

interface Stream {
  socket: WebSocket;
  principal: Principal;
  /** A pong came since the last ping. */
  alive: boolean;
  /** What happened before the list was sent; undefined afterwards. */
  pending: ServerEvent[] | undefined;
}

/** `GET /events`: tells every PC what changes for its person, and notices PCs that are gone. */
export function addEventRoute(app: TypedApp, services: Services): void {
  const streams = new Set<Stream>();
  const { desktops, sessions } = services;

  desktops.onChange((change) => {
    const owner = change.kind === 'changed' ? change.desktop.owner : change.owner;
    const event: ServerEvent =
      change.kind === 'changed'
        ? { type: 'desktop', desktop: change.desktop }
        : { type: 'desktopRemoved', id: change.id };
    for (const stream of streams) {
      if (stream.principal.role === 'admin' || stream.principal.user === owner) send(stream, event);
    }
  });

  sessions.onEnd((id, reason) => {
    for (const stream of streams) {
      if (stream.principal.kind === 'session' && stream.principal.session.id === id) end(stream, reason);
    }
  });

  const heartbeat = setInterval(() => {
    for (const stream of streams) {
      if (!stream.alive) {
        stream.socket.terminate();
        continue;
      }
      stream.alive = false;
      stream.socket.ping();
    }
  }, EVENTS_PING_SECONDS * 1000);
  app.addHook('onClose', async () => {
    clearInterval(heartbeat);
    for (const stream of streams) stream.socket.terminate();
  });

  const wsHandler = (socket: WebSocket, request: FastifyRequest) => {
    const stream: Stream = { socket, principal: askedBy(request), alive: true, pending: [] };
    socket.on('error', (error) => request.log.debug({ err: error }, 'event stream'));
    socket.on('close', () => streams.delete(stream));
    socket.on('message', (data) => {
      if (!(data instanceof Buffer) || data.length > MAX_RECEIVED_BYTES) socket.terminate();
    });
    socket.on('pong', () => {
      stream.alive = true;
      if (stream.principal.kind !== 'session') return;
      sessions.touch(stream.principal.session).catch((err) => request.log.error({ err }, 'last seen'));
    });
    welcome(stream).catch((err) => {
      request.log.error({ err }, 'event stream');
      socket.terminate();
    });
  };
  app.route({ method: 'GET', url: '/events', schema: { hide: true }, handler: onlyWebSocket, wsHandler });

  /** Listening begins before the list is read, so that no change falls in between; the list comes first all the same. */
  async function welcome(stream: Stream): Promise<void> {
    streams.add(stream);
    const { principal } = stream;
    if (principal.kind === 'session' && (await sessions.row(principal.session.id)) === undefined) {
      end(stream, 'revoked');
      return;
    }
    const list = await desktops.list(principal);
    const pending = stream.pending ?? [];
    stream.pending = undefined;
    for (const event of [{ type: 'desktops' as const, desktops: list }, ...pending]) send(stream, event);
  }

  function end(stream: Stream, reason: EndReason): void {
    streams.delete(stream);
    stream.pending = undefined;
    send(stream, { type: 'sessionEnded', reason });
    stream.socket.close(CLOSE_SESSION_ENDED, reason);
  }
}

function send({ socket, pending }: Stream, event: ServerEvent): void {
  if (pending !== undefined) pending.push(event);
  else if (socket.bufferedAmount > MAX_UNSENT_BYTES) socket.terminate();
  else if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(event));
}
