/**
 * The PC's end of the host link: one WebSocket to the server, opened again for ever. The server calls, we answer; what
 * changes here is told without being asked. Nothing of a call is believed before its schema has passed.
 */
import type { Logger } from 'pino';
import { Value } from 'typebox/value';
import WebSocket from 'ws';
import { messageOf, UserError } from '#common/errors.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import {
  type HostCallName,
  HostCalls,
  type HostNotice,
  type HostReply,
  HostRequest,
} from '#common/protocol/host-link.ts';

/** Milliseconds of silence after which the server is taken for dead: it pings every 5 s, and may be very busy. */
const SILENCE_MS = 30_000;
/** Milliseconds before each further attempt to connect. */
const BACK_OFF_MS = [500, 1_000, 2_000, 3_000, 5_000];
/** Bytes; the biggest call holds saved metadata of up to 32 MiB. */
const MAX_CALL_BYTES = 64 * 1024 * 1024;

export interface LinkOptions {
  client: PinnedClient;
  host: Omit<DesktopHost, 'onNotice'>;
  log: Logger;
  /** Connected, or not any more. */
  onConnected(connected: boolean): void;
}

export class HostLink {
  readonly #options: LinkOptions;
  #socket: WebSocket | undefined;
  #connected = false;
  #closed = false;
  #failures = 0;
  #silence: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** Begins to connect at once. */
  constructor(options: LinkOptions) {
    this.#options = options;
    void this.#connect();
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Lost when there is no connection: the server asks for everything when there is one again. */
  tell(notice: HostNotice): void {
    this.#send(notice);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#lost(this.#socket);
  }

  async #connect(): Promise<void> {
    const { client, log } = this.#options;
    try {
      const tls = await client.tlsOptions();
      if (this.#closed) return;
      const { host, port } = client.address;
      const socket = new WebSocket(`wss://${host.includes(':') ? `[${host}]` : host}:${port}/api/v1/host`, {
        ...tls,
        headers: { authorization: `Bearer ${client.token ?? ''}` },
        handshakeTimeout: 10_000,
        perMessageDeflate: false,
        maxPayload: MAX_CALL_BYTES,
      });
      this.#socket = socket;
      const alive = () => this.#alive(socket);
      socket.on('open', () => {
        alive();
        this.#failures = 0;
        this.#connected = true;
        log.info('the server has this PC as a host');
        this.#options.onConnected(true);
      });
      socket.on('ping', alive);
      socket.on('message', (data) => {
        alive();
        void this.#take(String(data), socket);
      });
      socket.on('error', (error) => log.debug(`host link: ${messageOf(error)}`));
      socket.on('close', () => this.#lost(socket));
    } catch (error) {
      log.debug(`host link: ${messageOf(error)}`);
      this.#lost(undefined);
    }
  }

  #alive(socket: WebSocket): void {
    clearTimeout(this.#silence);
    if (socket !== this.#socket) return;
    this.#silence = setTimeout(() => this.#lost(socket), SILENCE_MS);
  }

  /** This connection is over: once more, after a while. */
  #lost(socket: WebSocket | undefined): void {
    if (socket !== this.#socket) return;
    clearTimeout(this.#silence);
    this.#socket = undefined;
    socket?.removeAllListeners('close');
    socket?.on('error', () => {}); // of a handshake that is broken off
    socket?.terminate();
    const was = this.#connected;
    this.#connected = false;
    if (was) this.#options.onConnected(false);
    if (this.#closed) return;
    const wait = BACK_OFF_MS[Math.min(this.#failures++, BACK_OFF_MS.length - 1)] ?? 0;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), wait);
  }

  async #take(text: string, socket: WebSocket): Promise<void> {
    const request = parse(text);
    if (!request) {
      this.#options.log.warn('the server sent something that is no call');
      return;
    }
    const reply = await this.#answer(request);
    // A call that outlived its connection: whoever asks again finds its work done.
    if (socket === this.#socket) this.#send(reply);
  }

  async #answer({ id, call, args }: HostRequest): Promise<HostReply> {
    const { log, host } = this.#options;
    try {
      const name = callName(call);
      const { args: schema } = HostCalls[name];
      if (!Value.Check(schema, args)) {
        const [problem] = Value.Errors(schema, args);
        throw new UserError(`${name}: ${problem?.instancePath ?? ''} ${problem?.message ?? 'is not valid'}`);
      }
      log.info({ call: name }, 'the server asks');
      const run = host[name] as (args: unknown) => Promise<unknown>;
      return { id, answer: await run.call(host, args) };
    } catch (error) {
      if (error instanceof UserError) log.warn({ call, hint: error.hint }, messageOf(error));
      else log.error({ call, err: error }, 'a call failed');
      const hint = error instanceof UserError ? error.hint : undefined;
      return { id, error: { message: messageOf(error), ...(hint !== undefined && { hint }) } };
    }
  }

  #send(message: HostReply): void {
    if (this.#connected) this.#socket?.send(JSON.stringify(message), () => {});
  }
}

function callName(call: string): HostCallName {
  if (Object.hasOwn(HostCalls, call)) return call as HostCallName;
  throw new UserError(`this PC does not know the call ${call.slice(0, 32)}`, { hint: 'Is its image older?' });
}

function parse(text: string): HostRequest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(HostRequest, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
