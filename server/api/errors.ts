import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger, FastifyError, FastifyInstance } from 'fastify';
import { HostingError } from '../hosting.ts';
import { Problem } from '../problem.ts';

/** Makes every failure an ErrorBody: expected ones with their code, Fastify's own as 4xx, bugs as a bare 500. */
export function addErrorHandling(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    const problem = new Problem('not_found', `there is nothing at ${request.method} ${pathOf(request.url)}`, {
      hint: 'docs/openapi.json lists every request.',
    });
    return reply.code(problem.status).send(problem.body);
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const problem = problemOf(error);
    if (problem.code === 'internal') request.log.error({ err: error }, 'a request failed');
    if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', Math.ceil(problem.retryAfterSeconds));
    if (problem.code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
    return reply.code(problem.status).send(problem.body);
  });
}

/** The answer to a plain request for what is a WebSocket. */
export async function onlyWebSocket(): Promise<never> {
  throw new Problem('bad_request', 'this is a WebSocket: ask for an upgrade');
}

/** The problem that anything thrown below a route is. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof HostingError) {
    return new Problem(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
  }
  const { statusCode, message, code } = error as Partial<FastifyError>;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    if (statusCode === 404) return new Problem('not_found', 'there is nothing here');
    const status = [413, 414, 415].includes(statusCode) ? statusCode : 400;
    return new Problem('bad_request', WORDS[code ?? ''] ?? message ?? 'bad request', { status });
  }
  return new Problem('internal', 'the server made a mistake', { hint: 'Its log says more.' });
}

/** Fastify's words, where ours are clearer. */
const WORDS: Record<string, string> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'the body is not valid JSON',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty, but its content type is JSON',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the content type is not supported; allowed: application/json',
  FST_ERR_CTP_BODY_TOO_LARGE: 'the body is too large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'the body is not as long as its content-length says',
};

/** What came in was not even HTTP: answers on the bare socket, in the same form. */
export function answerBrokenHttp(error: NodeJS.ErrnoException, socket: Socket, log: FastifyBaseLogger): void {
  log.debug({ code: error.code }, 'broken HTTP');
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400;
  const body = JSON.stringify(new Problem('bad_request', 'this is not valid HTTP').body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function pathOf(url: string): string {
  return url.split('?')[0]?.slice(0, 200) ?? '';
}
