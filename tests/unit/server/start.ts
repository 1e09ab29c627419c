import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { PinnedClient } from '#common/http/pinned-client.ts';
import { Image, LoggedIn } from '#common/protocol/client-server.ts';
import { Desktop } from '#common/protocol/desktop.ts';
import { VERSION } from '#common/version.ts';
import { type RunningServer, startServer } from '../../../server/server.ts';
import { MemoryHosting } from './memory-hosting.ts';

/** A real server on a real socket of this machine, with everything but the machines. */
export interface TestServer {
  readonly folder: string;
  readonly hosting: MemoryHosting;
  /** What the log said so far, one JSON object a line. */
  readonly log: string[];
  readonly server: RunningServer;
  /** Milliseconds that the server's clock is ahead. */
  ahead: number;
  /** With root's own token. */
  root(): Promise<PinnedClient>;
  /** Without a token. */
  client(): PinnedClient;
  /** Logs in. */
  as(user: string, options?: { tunnelPublicKey?: string }): Promise<PinnedClient & { session: string }>;
  restart(): Promise<void>;
  /** This PC holds the desktop from now on, and has everything: as if it had been moved there. */
  hold(desktop: string, pc: string): Promise<void>;
  stop(): Promise<void>;
}

export const PASSWORD = 'correct horse';

export async function startTestServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
  const clients: PinnedClient[] = [];
  const log: string[] = [];
  const hosting = new MemoryHosting();
  const test = { folder, hosting, log, ahead: 0 } as TestServer & { server: RunningServer };
  const start = async () => {
    test.server = await startServer({
      stateFolder: join(folder, 'state'),
      runtimeFolder: join(folder, 'run'),
      host: '127.0.0.1',
      port: 0,
      version: VERSION,
      hosting,
      log: pino({ level: 'debug' }, { write: (line) => void log.push(line) }),
      now: () => Date.now() + test.ahead,
    });
  };
  const connect = (token?: string) => {
    const { port, caFingerprint } = test.server;
    const client = new PinnedClient({
      server: `127.0.0.1:${port}`,
      ca: caFingerprint,
      ...(token !== undefined && { token }),
    });
    clients.push(client);
    return client;
  };
  await start();
  return Object.assign(test, {
    client: () => connect(),
    root: async () => connect(JSON.parse(await readFile(join(folder, 'run/admin.json'), 'utf8')).token),
    as: async (user: string, options: { tunnelPublicKey?: string } = {}) => {
      const client = connect();
      const body = { user, password: PASSWORD, ...options };
      const answer = await client.call({ method: 'POST', path: '/sessions', body, answer: LoggedIn });
      client.token = answer.token;
      return Object.assign(client, { session: answer.session });
    },
    restart: async () => {
      await test.server.close();
      await start();
    },
    hold: async (desktop: string, pc: string) => {
      const database = new DatabaseSync(join(folder, 'state/flexdeploy.sqlite'), { timeout: 5_000 });
      const set = 'holder_pc = ?, holder_since = ?, holder_complete = 1, generation = generation + 1';
      database.prepare(`update desktops set ${set} where id = ?`).run(pc, Date.now(), desktop);
      database.close();
    },
    stop: async () => {
      for (const client of clients) client.close();
      await test.server.close();
      await rm(folder, { recursive: true, force: true });
    },
  });
}

export async function makeUser(root: PinnedClient, name: string, role: 'user' | 'admin' = 'user'): Promise<void> {
  await root.call({ method: 'POST', path: '/users', body: { name, password: PASSWORD, role } });
}

export async function makeImage(root: PinnedClient, name: string, data: Buffer = randomBytes(100_000)): Promise<Image> {
  const sha256 = createHash('sha256').update(data).digest('hex');
  const path = `/images?name=${name}&firmware=uefi&sha256=${sha256}`;
  return await root.upload({ path, body: Readable.from([data]), bytes: data.length, answer: Image });
}

export async function makeDesktop(root: PinnedClient, name: string, owner: string, image: string): Promise<Desktop> {
  return await root.call({ method: 'POST', path: '/desktops', body: { name, owner, image }, answer: Desktop });
}

/** 32 random bytes as WireGuard writes a key. */
export function wireGuardKey(): string {
  return randomBytes(32).toString('base64');
}
