import type { FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import type { MachineFacts } from '#common/protocol/client-server.ts';
import { Problem } from '../problem.ts';
import { askedBy } from './authorize.ts';
import { onlyWebSocket } from './errors.ts';
import type { Services } from './services.ts';
import type { TypedApp } from './typed.ts';

/**
 * Milliseconds between two pings of a PC, and of silence after which its link is dead. A PC that starts or receives a
 * desktop may have no time for us for a while; and that the network is gone, DRBD notices sooner (see the movers).
 */
const PING_MS = 5_000;
const SILENCE_MS = 30_000;
/** More than this unread by a PC, and it is hung up on. The largest call is an `attach` with saved metadata. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;
/** WebSocket close code (ours are 4000 and up): the link is over, see the reason. */
const CLOSE_LINK = 4002;

/** `GET /host`: a PC offers itself as a host of its person's desktops (common/protocol/host-link.ts). */
export function addHostRoute(app: TypedApp, { hosts, sessions }: Services): void {
  const sockets = new Set<WebSocket>();
  sessions.onEnd((id) => hosts.sessionEnded(id));
  app.addHook('onClose', async () => {
    for (const socket of sockets) socket.terminate();
  });

  app.route({
    method: 'GET',
    url: '/host',
    schema: { hide: true },
    preValidation: async (request) => void keyOf(request),
    handler: onlyWebSocket,
    wsHandler: (socket, request) => {
      const { session, pc, pcName, address } = keyOf(request);
      sockets.add(socket);
      const link = hosts.connect({
        ...{ pc, pcName, address, user: session.user, sessionId: session.id },
        wire: {
          send: (text) => {
            if (socket.bufferedAmount > MAX_UNSENT_BYTES) socket.terminate();
            else socket.send(text);
          },
          close: (why) => {
            request.log.info({ pc, why }, 'hanging up on a PC');
            socket.close(CLOSE_LINK, why.slice(0, 120));
            setTimeout(() => socket.terminate(), 2_000).unref();
          },
        },
      });
      let heardAt = Date.now();
      const heard = () => {
        heardAt = Date.now();
        link.heard();
      };
      const ping = setInterval(() => {
        if (Date.now() - heardAt > SILENCE_MS) socket.terminate();
        else socket.ping();
      }, PING_MS);
      socket.on('error', (error) => request.log.debug({ err: error }, 'host link'));
      socket.on('message', (data, isBinary) => {
        heard();
        if (isBinary) return socket.terminate();
        try {
          link.receive(String(data));
        } catch (err) {
          // A mistake of the server, but only this PC is to pay for it: what it has is asked again when it comes back.
          request.log.error({ err, pc }, 'what a PC said could not be handled');
          socket.terminate();
        }
      });
      socket.on('pong', () => {
        heard();
        sessions.touch(session).catch((err) => request.log.error({ err }, 'last seen'));
      });
      socket.on('close', () => {
        clearInterval(ping);
        sockets.delete(socket);
        link.ended();
      });
      // It may have ended between its token's check and now.
      sessions.row(session.id).then(
        (row) => row === undefined && socket.close(CLOSE_LINK, 'the session is over'),
        (err) => request.log.error({ err }, 'host link'),
      );
    },
  });
}

/** Who connects. @throws Problem for what is no PC */
function keyOf(request: FastifyRequest) {
  const principal = askedBy(request);
  if (principal.kind !== 'session') throw new Problem('conflict', 'this is for PCs');
  const { session } = principal;
  const { pc, tunnel_address: address, machine } = session;
  if (address === null || machine === null) {
    throw new Problem('conflict', 'this session has no tunnel, so its PC cannot have a desktop’s disk');
  }
  if (pc === null) {
    throw new Problem('conflict', 'this PC cannot be told from others: it has no UUID and no network card', {
      hint: 'Set a UUID in the firmware of this PC.',
    });
  }
  return { session, pc, pcName: (JSON.parse(machine) as MachineFacts).name, address };
}
