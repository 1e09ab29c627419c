import { messageOf } from '#common/errors.ts';
import type { LinkFailure } from './link-error.ts';

/** What a socket or TLS error means for a person; `certificate`: the server showed one that is not trusted. */
export type SocketTrouble =
  | Exclude<LinkFailure, { kind: 'wrongCertificate' }>
  | { kind: 'certificate'; detail: string };

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'no route to the host, or it is off',
  ENETUNREACH: 'no route to its network',
  ENETDOWN: 'the network is down',
  EADDRNOTAVAIL: 'this machine has no address for it',
  EACCES: 'a firewall refused it',
  EPERM: 'a firewall refused it',
};

/** Sorts an error of `node:net`, `node:tls` or `node:dns` (also one of the several that trying all addresses gives). */
export function troubleOf(error: unknown, host: string): SocketTrouble {
  const code = codeOf(error);
  if (code === 'ENOTFOUND') return { kind: 'nameNotFound', host };
  if (code === 'EAI_AGAIN') return { kind: 'nameNotFound', host };
  const words = WORDS[code];
  if (words !== undefined) return { kind: 'unreachable', host, detail: words };
  if (CERTIFICATE_CODES.test(code)) return { kind: 'certificate', detail: messageOf(error) };
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('HPE_')) {
    return { kind: 'notFlexDeploy', host, detail: 'it does not speak HTTPS' };
  }
  return { kind: 'unreachable', host, detail: messageOf(error) };
}

/** OpenSSL's verification results as Node names them, and Node's own check of the name in the certificate. */
const CERTIFICATE_CODES =
  /^(UNABLE_TO_|CERT_|CRL_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_CERT_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME)/;

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors.at(-1));
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}
