import { connect, type DetailedPeerCertificate } from 'node:tls';
import { fingerprintOf, SERVER_CERTIFICATE_NAME } from './ca-pin.ts';
import type { ServerAddress } from './server-address.ts';

/** One certificate that a server showed. */
export interface ShownCertificate {
  fingerprint: string;
  pem: string;
}

/**
 * The certificates a server shows, its own first, the CA (if it sends it) last. Nothing is verified and nothing is
 * sent: this only finds the certificate that a fingerprint means, or says what was found instead of it.
 * @throws the error of the socket or of TLS
 */
export function probeCertificates(server: ServerAddress, timeoutMs: number): Promise<ShownCertificate[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...server, servername: SERVER_CERTIFICATE_NAME, rejectUnauthorized: false });
    socket.setTimeout(timeoutMs, () => socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    socket.on('error', reject);
    socket.on('close', () => reject(Object.assign(new Error('connection closed'), { code: 'ECONNRESET' })));
    socket.on('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
  });
}

function chainOf(leaf: DetailedPeerCertificate): ShownCertificate[] {
  const chain: ShownCertificate[] = [];
  let certificate: DetailedPeerCertificate | undefined = leaf;
  while (certificate?.raw && !chain.some((c) => c.fingerprint === fingerprintOf(certificate?.raw ?? Buffer.of()))) {
    chain.push({ fingerprint: fingerprintOf(certificate.raw), pem: toPem(certificate.raw) });
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
