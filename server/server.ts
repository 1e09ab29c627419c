/** Puts the server together and starts it. The tests start the same, with a Hosting that keeps everything in memory. */
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Server as TlsServer } from 'node:tls';
import type { Logger } from 'pino';
import { Cleanup } from '#common/cleanup.ts';
import { messageOf, UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { LockOut } from './accounts/lock-out.ts';
import { Sessions } from './accounts/sessions.ts';
import { setupCode } from './accounts/setup-code.ts';
import { hashToken, newToken } from './accounts/tokens.ts';
import { Users } from './accounts/users.ts';
import { ownAddresses } from './addresses.ts';
import { buildApp } from './api/app.ts';
import type { Services } from './api/services.ts';
import type { TypedApp } from './api/typed.ts';
import { Attachments } from './attachments/attachments.ts';
import { type Certificates, ensureCertificates } from './certificates.ts';
import { consoleText } from './console-text.ts';
import { type Database, openDatabase } from './database/open.ts';
import type { Hosting } from './hosting.ts';
import { Hosts } from './hosts/hosts.ts';
import { Desktops } from './inventory/desktops.ts';
import { GuestPorts } from './inventory/guest-ports.ts';
import { Images } from './inventory/images.ts';
import { Pcs } from './inventory/pcs.ts';

const SWEEP_MS = 30_000;
const LOOK_AT_ADDRESSES_MS = 5_000;
const RENEW_CHECK_MS = 12 * 3600_000;

export interface ServerOptions {
  /** Durable state; made when missing, readable by root only. */
  stateFolder: string;
  /** State until the next boot: console text, root's own token. */
  runtimeFolder: string;
  /** Address to listen on; `::` is everything. */
  host: string;
  /** 0: any free port. */
  port: number;
  version: string;
  hosting: Hosting;
  log: Logger;
  /** ms since the epoch; the machine's clock unless told. */
  now?: () => number;
}

export interface RunningServer {
  port: number;
  caFingerprint: string;
  /** Stops answering and closes the database. Desktops and tunnels stay as they are. */
  close(): Promise<void>;
}

/** @throws UserError when state or port cannot be used */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { stateFolder, runtimeFolder, hosting, log } = options;
  const now = options.now ?? Date.now;
  const cleanup = new Cleanup();
  try {
    await mkdir(stateFolder, { recursive: true, mode: 0o700 });
    await mkdir(runtimeFolder, { recursive: true, mode: 0o755 });
    const certificates = await ensureCertificates(join(stateFolder, 'certificates'), now());
    const database = await openDatabase(join(stateFolder, 'flexdeploy.sqlite'));
    cleanup.add('close the database', () => database.destroy());
    const localToken = newToken();
    let announce = async (): Promise<void> => {};
    const services = makeServices(options, database, now, { localToken, onSetUp: () => announce() });
    cleanup.add('stop listening to the hosting', services.stopListening);
    await recover(services, hosting, log);
    const app = await buildApp(services, { tls: certificates, log });
    cleanup.add('stop answering', () => app.close());
    const port = await listen(app, options.host, options.port);
    await writeLocalAccess(runtimeFolder, { port, ca: certificates.caFingerprint, token: localToken });
    announce = announcer(options, services, { port, caFingerprint: certificates.caFingerprint });
    await announce();
    const stop = keepUp(services, app, { certificates, stateFolder, log, announce: () => announce() });
    cleanup.add('stop the timers', stop);
    return { port, caFingerprint: certificates.caFingerprint, close: () => cleanup.run() };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

function makeServices(
  { hosting, version, log }: ServerOptions,
  database: Database,
  now: () => number,
  { localToken, onSetUp }: { localToken: string; onSetUp: () => Promise<void> },
): Services & { guests: GuestPorts; stopListening: () => void } {
  const lockOut = new LockOut(database, now);
  const users = new Users({ database, lockOut, now });
  const pcs = new Pcs({ database, now });
  const sessions = new Sessions({ database, hosting, pcs, now });
  const hosts = new Hosts({ now });
  const attachments = new Attachments({ database, hosting, hosts, log, now });
  const onError = (err: unknown) => log.error({ err }, 'a desktop changed');
  const desktops = new Desktops({ database, hosting, attachments, now, onError });
  const images = new Images({ database, hosting, now });
  const deaf = hosting.onTunnelDead((id) => {
    const expire = async () => {
      const session = await sessions.row(id);
      if (session) await sessions.expire(session);
    };
    expire().catch((err) => log.error({ err, session: id }, 'the session of a dead PC'));
  });
  const serverName = hostname();
  const guests = new GuestPorts({ desktops, hosting, serverName, log });
  const localTokenHash = hashToken(localToken);
  const stopListening = () => {
    deaf();
    guests.close();
    desktops.close();
    attachments.close();
    hosts.close();
  };
  return {
    ...{ database, lockOut, users, sessions, desktops, images, pcs, hosts, attachments, guests },
    ...{ now, serverName, version, localTokenHash, onSetUp, stopListening },
  };
}

/** Facts first: what runs is found again; then what a kill left half done is taken away. */
async function recover(services: ReturnType<typeof makeServices>, hosting: Hosting, log: Logger): Promise<void> {
  const { sessions, desktops, images, attachments, guests } = services;
  await hosting.recover({ desktops: await desktops.records(), tunnels: await sessions.recover() });
  for (const failure of [...(await desktops.recover()), ...(await images.recover())]) log.error(failure);
  await attachments.recover();
  await guests.recover();
}

async function listen(app: TypedApp, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EAFNOSUPPORT' && host === '::') return await listen(app, '0.0.0.0', port); // IPv6 is switched off
    throw new UserError(`cannot listen on port ${port}: ${messageOf(cause)}`, {
      ...(code === 'EADDRINUSE' && { hint: 'Another program uses this port; stop it, or set FLEXDEPLOY_LISTEN.' }),
      cause,
    });
  }
  return (app.server.address() as AddressInfo).port;
}

/** How root on this machine gets in without an account: a token that only root can read, new at every start. */
async function writeLocalAccess(folder: string, access: { port: number; ca: string; token: string }): Promise<void> {
  const path = join(folder, 'admin.json');
  const { port, ca, token } = access;
  await writeFileDurably(path, `${JSON.stringify({ server: `127.0.0.1:${port}`, ca, token })}\n`, 0o600);
}

/** Writes `console.txt`, when what it says has changed. */
function announcer(
  { runtimeFolder, version, hosting }: ServerOptions,
  { database, users, serverName }: Services,
  at: { port: number; caFingerprint: string },
): () => Promise<void> {
  let last: string | undefined;
  return async () => {
    const code = (await users.hasAdministrator()) ? undefined : await setupCode(database);
    const text = consoleText({
      ...at,
      version,
      serverName,
      addresses: ownAddresses(),
      problems: await hosting.problems(),
      ...(code !== undefined && { setupCode: code }),
    });
    if (text === last) return;
    const path = join(runtimeFolder, 'console.txt');
    await writeFileDurably(path, text, 0o600);
    last = text;
  };
}

interface Upkeep {
  certificates: Certificates;
  stateFolder: string;
  log: Logger;
  announce: () => Promise<void>;
}

/** What has to be done again and again. Returns: stop. */
function keepUp({ sessions, lockOut, now }: Services, app: TypedApp, upkeep: Upkeep): () => void {
  const { stateFolder, log, announce } = upkeep;
  let current = upkeep.certificates;
  const every = (ms: number, what: string, work: () => Promise<void>) =>
    setInterval(() => work().catch((err) => log.error({ err }, what)), ms);
  const timers = [
    every(SWEEP_MS, 'sweep', async () => {
      await sessions.sweep();
      await lockOut.sweep();
    }),
    every(LOOK_AT_ADDRESSES_MS, 'console text', announce),
    every(RENEW_CHECK_MS, 'certificate', async () => {
      const fresh = await ensureCertificates(join(stateFolder, 'certificates'), now());
      if (fresh.cert === current.cert) return;
      current = fresh;
      (app.server as unknown as TlsServer).setSecureContext({ key: fresh.key, cert: fresh.cert });
      log.info('the certificate was renewed');
    }),
  ];
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}
