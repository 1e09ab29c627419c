/**
 * The server's own CA and the certificate it signs. Clients pin the CA by its fingerprint; the certificate is for the
 * fixed name that all of them check, whatever address they reach the server at.
 */
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#common/files.ts';
import { fingerprintOf, formatFingerprint, SERVER_CERTIFICATE_NAME } from '#common/http/ca-pin.ts';
import { run } from '#common/run.ts';

const CA_YEARS = 20;
const LEAF_YEARS = 2;
/** A new certificate is made when the old one has less than this left. */
const RENEW_MS = 60 * 24 * 3600_000;
/** PCs with an empty clock battery think it is 2010: the certificates must not look "not yet valid" to them. */
const NOT_BEFORE = '20000101000000Z';

export interface Certificates {
  /** PEM */
  key: string;
  /** PEM: the certificate, then the CA's, so that clients who know only the fingerprint can find the CA. */
  cert: string;
  /** PEM */
  ca: string;
  /** `sha256:HEX` of the CA. */
  caFingerprint: string;
}

/**
 * Loads the certificates from `folder`; makes the CA when there is none, and the server's certificate when there is
 * none or it is about to expire. A kill in between leaves nothing that is taken for whole: the certificate is always
 * written last.
 * @param now ms since the epoch
 * @throws RunError when openssl fails
 */
export async function ensureCertificates(folder: string, now: number): Promise<Certificates> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = (name: string) => join(folder, name);
  let ca = await readIfThere(path('ca.pem'));
  if (ca === undefined) {
    const key = newKey();
    await writeFileDurably(path('ca.key'), key, 0o600);
    ca = await issue({ kind: 'ca', key }, folder, now);
    await writeFileDurably(path('ca.pem'), ca, 0o600);
  }
  let leaf = await readIfThere(path('server.pem'));
  if (leaf === undefined || !stillGood(leaf, ca, now)) {
    const key = newKey();
    leaf = await issue({ kind: 'leaf', key, caKey: await readFile(path('ca.key'), 'utf8'), ca }, folder, now);
    // Key and certificate in one file: one rename replaces both.
    leaf = `${key}${leaf}`;
    await writeFileDurably(path('server.pem'), leaf, 0o600);
  }
  const [key = '', cert = ''] = splitPem(leaf);
  const caFingerprint = formatFingerprint(fingerprintOf(new X509Certificate(ca).raw));
  return { key, cert: `${cert}${ca}`, ca, caFingerprint };
}

type Order = { kind: 'ca'; key: string } | { kind: 'leaf'; key: string; caKey: string; ca: string };

/** Has openssl make a certificate; returns it in PEM form. */
async function issue(order: Order, folder: string, now: number): Promise<string> {
  const work = await mkdtemp(join(folder, 'work-'));
  try {
    const put = async (name: string, text: string) => await writeFile(join(work, name), text, { mode: 0o600 });
    const years = order.kind === 'ca' ? CA_YEARS : LEAF_YEARS;
    await put('openssl.cnf', configuration(order.kind));
    await put('index', '');
    await put('key', order.key);
    await put('ca.key', order.kind === 'ca' ? order.key : order.caKey);
    if (order.kind === 'leaf') await put('ca.pem', order.ca);
    const name = order.kind === 'ca' ? `FlexDeploy CA ${randomBytes(4).toString('hex')}` : SERVER_CERTIFICATE_NAME;
    const openssl = async (...args: string[]) => await run(['openssl', ...args], { cwd: work });
    await openssl('req', '-new', '-config', 'openssl.cnf', '-key', 'key', '-subj', `/CN=${name}`, '-out', 'request');
    const signer = order.kind === 'ca' ? ['-selfsign'] : ['-cert', 'ca.pem'];
    const dates = ['-startdate', NOT_BEFORE, '-enddate', asn1Time(now + years * 365.25 * 24 * 3600_000)];
    await openssl(
      'ca',
      '-batch',
      '-notext',
      '-config',
      'openssl.cnf',
      '-keyfile',
      'ca.key',
      ...signer,
      ...dates,
      '-in',
      'request',
      '-out',
      'made',
    );
    return await readFile(join(work, 'made'), 'utf8');
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function configuration(kind: Order['kind']): string {
  const extensions =
    kind === 'ca'
      ? ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign']
      : [
          'basicConstraints=critical,CA:FALSE',
          'keyUsage=critical,digitalSignature',
          'extendedKeyUsage=serverAuth',
          `subjectAltName=DNS:${SERVER_CERTIFICATE_NAME}`,
          'authorityKeyIdentifier=keyid',
        ];
  return [
    '[req]',
    'distinguished_name=name',
    '[name]',
    '[ca]',
    'default_ca=own',
    '[own]',
    'database=index',
    'new_certs_dir=.',
    'rand_serial=yes',
    'default_md=sha256',
    'policy=policy',
    'x509_extensions=extensions',
    'unique_subject=no',
    '[policy]',
    'commonName=supplied',
    '[extensions]',
    'subjectKeyIdentifier=hash',
    ...extensions,
    '',
  ].join('\n');
}

function stillGood(leaf: string, ca: string, now: number): boolean {
  const certificate = new X509Certificate(leaf);
  const lasts = certificate.validToDate.getTime() - now > RENEW_MS;
  return lasts && certificate.verify(new X509Certificate(ca).publicKey);
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function splitPem(text: string): string[] {
  return text.match(/-----BEGIN [^-]+-----[\s\S]+?-----END [^-]+-----\n/g) ?? [];
}

/** `YYYYMMDDHHMMSSZ` */
function asn1Time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
