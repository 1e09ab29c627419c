import { createHash, X509Certificate } from 'node:crypto';
import { UserError } from '#common/errors.ts';

/** The name every server certificate is for, whatever address (behind whatever NAT) the server is reached at. */
export const SERVER_CERTIFICATE_NAME = 'flexdeploy-server';

/** What is known beforehand of the server's CA. `fingerprint` is lower-case hex of the SHA-256 of its DER form. */
export interface CaPin {
  fingerprint: string;
  /** There only if the whole certificate was given. */
  pem?: string;
}

/** `sha256:` and 64 hex digits: the form in which fingerprints are shown and entered. */
export function formatFingerprint(fingerprint: string): string {
  return `sha256:${fingerprint}`;
}

/** SHA-256 of a certificate's DER form, lower-case hex. */
export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

/**
 * Reads `sha256:HEX` (colons between the bytes and capitals allowed) or a certificate in PEM form.
 * @throws UserError when it is neither
 */
export function parseCaPin(text: string): CaPin {
  const trimmed = text.trim();
  const hex = /^sha256:((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})$/i.exec(trimmed)?.[1];
  if (hex !== undefined) return { fingerprint: hex.replaceAll(':', '').toLowerCase() };
  try {
    if (!trimmed.startsWith('-----BEGIN CERTIFICATE-----')) throw new Error('neither a fingerprint nor PEM');
    const certificate = new X509Certificate(trimmed);
    return { fingerprint: fingerprintOf(certificate.raw), pem: certificate.toString() };
  } catch (cause) {
    throw new UserError('the CA of the server is neither a fingerprint nor a certificate', {
      hint: 'Write sha256: and the 64 hexadecimal digits that the server shows on its console, or the certificate (PEM).',
      cause,
    });
  }
}
