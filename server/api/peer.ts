import type { FastifyRequest } from 'fastify';

/** The address a request came from; IPv4 as IPv4, also on a socket that speaks both. */
export function peerOf(request: FastifyRequest): string {
  return request.ip.replace(/^::ffff:(?=\d+\.)/, '');
}
