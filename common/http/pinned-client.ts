/**
 * The HTTPS client of the PC's runtime and of the command line. It trusts one CA and nothing else, and expects the
 * fixed name of the server's certificate, whatever address the server is reached at. A CA that is known only by its
 * fingerprint is fetched first, on a connection on which nothing is sent; from then on OpenSSL verifies the chain.
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { ErrorBody, Hello } from '#common/protocol/client-server.ts';
import { type CaPin, formatFingerprint, parseCaPin, SERVER_CERTIFICATE_NAME } from './ca-pin.ts';
import { probeCertificates } from './certificate-probe.ts';
import { ApiError, LinkError } from './link-error.ts';
import { formatServerAddress, parseServerAddress, type ServerAddress } from './server-address.ts';
import { type SocketTrouble, troubleOf } from './socket-errors.ts';

export { ApiError, LinkError, type LinkFailure } from './link-error.ts';

export interface PinnedClientOptions {
  /** `HOST[:PORT]`. */
  server: string;
  /** `sha256:HEX` or PEM. */
  ca: string;
  token?: string;
  /** How long a connection may take to come up, in milliseconds; 5 s unless told. */
  connectTimeoutMs?: number;
}

export interface CallOptions<S extends TSchema> {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/api/v1`, with the leading slash and the query: `/desktops`. */
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  /** What the answer must be; `undefined` is returned when there is none. */
  answer?: S;
  signal?: AbortSignal;
  /** From sending to the end of the answer, in milliseconds; 30 s unless told. */
  timeoutMs?: number;
}

export interface UploadOptions<S extends TSchema> extends Pick<CallOptions<S>, 'path' | 'answer' | 'signal'> {
  body: Readable;
  /** Length of `body`. */
  bytes: number;
}

interface Sending {
  method: string;
  path: string;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  content: { kind: 'none' } | { kind: 'json'; text: string } | { kind: 'stream'; body: Readable; bytes: number };
}

interface Answer {
  status: number;
  text: string;
}

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** One server, trusted by its CA. Safe to use from several places at once; connections are kept and shared. */
export class PinnedClient {
  readonly address: ServerAddress;
  /** Sent as `Authorization: Bearer …` when set. */
  token: string | undefined;
  readonly #pin: CaPin;
  readonly #connectTimeoutMs: number;
  readonly #agent: Agent;
  #ca: string | undefined;

  /** @throws UserError when `server` or `ca` cannot be read */
  constructor(options: PinnedClientOptions) {
    this.address = parseServerAddress(options.server);
    this.token = options.token;
    this.#pin = parseCaPin(options.ca);
    this.#ca = this.#pin.pem;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 5_000;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 8 });
  }

  /** `HOST[:PORT]` as people write it. */
  get server(): string {
    return formatServerAddress(this.address);
  }

  /** Is this a FlexDeploy server, and which. Best as the first call. */
  async hello(signal?: AbortSignal): Promise<Hello> {
    return await this.call({ path: '/hello', answer: Hello, ...(signal && { signal }), timeoutMs: 10_000 });
  }

  /**
   * One request.
   * @throws ApiError when the server answers with an error
   * @throws LinkError when there is no server, or not the right one
   */
  async call<S extends TSchema = TSchema>(options: CallOptions<S>): Promise<Static<S>> {
    const answer = await this.#send({
      method: options.method ?? 'GET',
      path: options.path,
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? 30_000,
      content: options.body === undefined ? { kind: 'none' } : { kind: 'json', text: JSON.stringify(options.body) },
    });
    return this.#read(answer, options.answer);
  }

  /** Sends a stream (application/octet-stream) with backpressure and without a time limit. Errors as {@link call}. */
  async upload<S extends TSchema>(options: UploadOptions<S>): Promise<Static<S>> {
    const content = { kind: 'stream', body: options.body, bytes: options.bytes } as const;
    return this.#read(
      await this.#send({ method: 'POST', path: options.path, signal: options.signal, content }),
      options.answer,
    );
  }

  /** What `ws` or `node:tls` need to connect with the same trust. @throws LinkError */
  async tlsOptions(): Promise<{ ca: string; servername: string }> {
    return { ca: await this.#caPem(), servername: SERVER_CERTIFICATE_NAME };
  }

  /** Closes the kept connections. */
  close(): void {
    this.#agent.destroy();
  }

  /** Turns an error of a socket to this server into a {@link LinkError}; other errors come back as they are. */
  async linkErrorOf(error: unknown): Promise<LinkError> {
    if (error instanceof LinkError) return error;
    const trouble = troubleOf(error, this.server);
    return new LinkError(trouble.kind === 'certificate' ? await this.#wrongCertificate(trouble) : trouble, error);
  }

  async #send(sending: Sending): Promise<Answer> {
    const ca = await this.#caPem();
    try {
      return await this.#once(sending, ca);
    } catch (error) {
      if (error instanceof StaleConnectionError && sending.content.kind !== 'stream') {
        return await this.#once(sending, ca).catch(async (e) => this.#rethrow(e, sending));
      }
      return this.#rethrow(error, sending);
    }
  }

  async #rethrow(error: unknown, sending: Sending): Promise<never> {
    if (error instanceof LinkError) throw error;
    if (error instanceof BodyError) throw error.cause;
    sending.signal?.throwIfAborted();
    throw await this.linkErrorOf(error instanceof StaleConnectionError ? error.cause : error);
  }

  #once(sending: Sending, ca: string): Promise<Answer> {
    const { content } = sending;
    return new Promise((resolve, reject) => {
      const req = httpsRequest({
        ...this.address,
        method: sending.method,
        path: `/api/v1${sending.path}`,
        agent: this.#agent,
        ca,
        servername: SERVER_CERTIFICATE_NAME,
        headers: { accept: 'application/json', ...this.#authorization(), ...contentHeaders(content) },
        ...(sending.signal && { signal: sending.signal }),
      });
      const timedOut = () => req.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
      const total = sending.timeoutMs === undefined ? undefined : setTimeout(timedOut, sending.timeoutMs);
      const connecting = setTimeout(timedOut, this.#connectTimeoutMs);
      req.on('socket', (socket) => {
        if (req.reusedSocket) clearTimeout(connecting);
        else socket.once('secureConnect', () => clearTimeout(connecting));
      });
      let answered = false;
      req.on('close', () => {
        clearTimeout(total);
        clearTimeout(connecting);
      });
      req.on('error', (cause) => {
        if (answered) return;
        const stale = req.reusedSocket && 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE');
        reject(stale ? new StaleConnectionError(cause) : cause);
      });
      req.on('response', (response) => {
        answered = true; // an answer before the body was sent whole is a refusal: what follows on the socket is noise
        readWhole(response, this.server)
          .then((text) => resolve({ status: response.statusCode ?? 0, text }), reject)
          .finally(() => req.writableFinished || req.destroy());
      });
      if (content.kind !== 'stream') req.end(content.kind === 'json' ? content.text : undefined);
      else {
        content.body.on('error', (cause) => {
          if (!req.destroyed) reject(new BodyError(cause));
        });
        pipeline(content.body, req).catch(() => {}); // failures arrive as the error of one of the two ends
      }
    });
  }

  #authorization(): Record<string, string> {
    return this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
  }

  #read<S extends TSchema>({ status, text }: Answer, schema: S | undefined): Static<S> {
    const notFlexDeploy = (detail: string) => new LinkError({ kind: 'notFlexDeploy', host: this.server, detail });
    let value: unknown;
    try {
      value = text === '' ? undefined : JSON.parse(text);
    } catch {
      throw notFlexDeploy(`it answered ${status} with something that is not JSON`);
    }
    if (status >= 400) {
      if (Value.Check(ErrorBody, value)) throw new ApiError(status, value.error);
      throw notFlexDeploy(`it answered ${status} in an unknown form`);
    }
    if (schema === undefined) return undefined as Static<S>;
    if (!Value.Check(schema, value)) {
      const [first] = Value.Errors(schema, value);
      throw notFlexDeploy(`its answer is not understood (${first?.instancePath ?? ''} ${first?.message ?? ''})`);
    }
    return value as Static<S>;
  }

  async #caPem(): Promise<string> {
    if (this.#ca !== undefined) return this.#ca;
    const chain = await probeCertificates(this.address, this.#connectTimeoutMs).catch((error) => {
      const trouble = troubleOf(error, this.server);
      if (trouble.kind === 'certificate') return [];
      throw new LinkError(trouble, error);
    });
    const pinned = chain.find((c) => c.fingerprint === this.#pin.fingerprint);
    if (pinned === undefined) throw this.#wrongChain(chain.at(-1)?.fingerprint);
    this.#ca = pinned.pem;
    return this.#ca;
  }

  #wrongChain(found: string | undefined): LinkError {
    return new LinkError({
      kind: 'wrongCertificate',
      host: this.server,
      expected: formatFingerprint(this.#pin.fingerprint),
      found: found === undefined ? 'none' : formatFingerprint(found),
    });
  }

  async #wrongCertificate(trouble: Extract<SocketTrouble, { kind: 'certificate' }>): Promise<LinkError['failure']> {
    const chain = await probeCertificates(this.address, this.#connectTimeoutMs).catch(() => []);
    const failure = this.#wrongChain(chain.at(-1)?.fingerprint).failure;
    if (failure.kind !== 'wrongCertificate') return failure;
    // The right CA, and still refused: expired, or for another name. The reason then says more than the fingerprint.
    return failure.found === failure.expected ? { ...failure, found: `${failure.found} (${trouble.detail})` } : failure;
  }
}

/** A kept connection that the server had closed meanwhile. Trying once more on a new one is safe enough for our API. */
class StaleConnectionError extends Error {
  constructor(cause: unknown) {
    super('the kept connection was closed', { cause });
  }
}

/** The stream that was to be sent failed on our side. */
class BodyError extends Error {
  constructor(cause: unknown) {
    super('the data to send could not be read', { cause });
  }
}

function contentHeaders(content: Sending['content']): Record<string, string | number> {
  switch (content.kind) {
    case 'none':
      return {};
    case 'json':
      return { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content.text) };
    case 'stream':
      return { 'content-type': 'application/octet-stream', 'content-length': content.bytes };
  }
}

async function readWhole(response: IncomingMessage, host: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES)
      throw new LinkError({ kind: 'notFlexDeploy', host, detail: 'its answer does not end' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
