import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { UserError } from '#common/errors.ts';

/** A WireGuard key pair: 32 bytes each, in base64 as `wg` prints them. */
export interface WireGuardKeys {
  privateKey: string;
  publicKey: string;
}

/** PKCS#8 wrapping of a raw X25519 private key (RFC 8410, section 7): everything before the 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** A new key pair, the same as `wg genkey | tee /dev/stderr | wg pubkey` makes. */
export function generateKeys(): WireGuardKeys {
  const { privateKey } = generateKeyPairSync('x25519');
  return { privateKey: raw(privateKey, 'd'), publicKey: raw(createPublicKey(privateKey), 'x') };
}

/** The public key that belongs to a private one. */
export function publicKeyOf(privateKey: string): string {
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.from(checkKey(privateKey), 'base64')]);
  return raw(createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })), 'x');
}

/** The key itself if it is 32 bytes in base64; throws otherwise, without repeating it. */
export function checkKey(key: string): string {
  if (!/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(key)) throw new UserError('not a WireGuard key');
  return key;
}

function raw(key: KeyObject, part: 'd' | 'x'): string {
  const value = key.export({ format: 'jwk' })[part];
  if (value === undefined) throw new Error(`X25519 key without ${part}`);
  return Buffer.from(value, 'base64url').toString('base64');
}
