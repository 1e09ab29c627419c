import { Value } from 'typebox/value';
import WebSocket from 'ws';
import { messageOf } from '#common/errors.ts';
import { ErrorBody, EVENTS_PING_SECONDS, ServerEvent } from '#common/protocol/client-server.ts';
import { ApiError, LinkError } from './link-error.ts';
import type { PinnedClient } from './pinned-client.ts';

export interface EventStreamOptions {
  onEvent(event: ServerEvent): void;
  /**
   * Called exactly once, when the stream is over: `ApiError` (401: log in again), `LinkError` (no server; try again),
   * or undefined when `close()` was called here.
   */
  onEnd(error: ApiError | LinkError | undefined): void;
}

export interface EventStream {
  close(): void;
}

/** The server pings; when it has been silent for this long, it is taken for dead. */
const SILENCE_MS = EVENTS_PING_SECONDS * 2.5 * 1000;

/** Listens to what the server tells on `/api/v1/events`, with the client's token. Never throws; see `onEnd`. */
export function openEventStream(client: PinnedClient, options: EventStreamOptions): EventStream {
  let socket: WebSocket | undefined;
  let over = false;
  let silence: NodeJS.Timeout | undefined;
  const end = (error: ApiError | LinkError | undefined) => {
    if (over) return;
    over = true;
    clearTimeout(silence);
    socket?.terminate();
    options.onEnd(error);
  };
  const unreachable = (detail: string) => new LinkError({ kind: 'unreachable', host: client.server, detail });
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(() => end(unreachable('it has been silent for too long')), SILENCE_MS);
  };
  const connect = async () => {
    const tls = await client.tlsOptions();
    if (over) return;
    const { host, port } = client.address;
    socket = new WebSocket(`wss://${host.includes(':') ? `[${host}]` : host}:${port}/api/v1/events`, {
      ...tls,
      headers: { authorization: `Bearer ${client.token ?? ''}` },
      handshakeTimeout: 10_000,
      perMessageDeflate: false,
      maxPayload: 16 * 1024 * 1024,
    });
    socket.on('open', alive);
    socket.on('ping', alive);
    socket.on('message', (data) => {
      alive();
      const event = parse(String(data));
      if (event !== undefined && !over) options.onEvent(event);
    });
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('close', () => end(refusal(response.statusCode ?? 0, text, client.server)));
    });
    let failed = false;
    socket.on('error', (error) => {
      failed = true; // 'close' follows at once and knows less
      void client.linkErrorOf(error).then(end);
    });
    socket.on('close', () => failed || end(unreachable('the connection was cut')));
  };
  connect().catch((error) => end(error instanceof LinkError ? error : unreachable(messageOf(error))));
  return { close: () => end(undefined) };
}

/** An event of a newer server that this version does not know is no reason to hang up. */
function parse(text: string): ServerEvent | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(ServerEvent, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function refusal(status: number, text: string, host: string): ApiError | LinkError {
  try {
    const value: unknown = JSON.parse(text);
    if (Value.Check(ErrorBody, value)) return new ApiError(status, value.error);
  } catch {
    // falls through: not ours
  }
  return new LinkError({ kind: 'notFlexDeploy', host, detail: `it answered ${status} to the event stream` });
}
