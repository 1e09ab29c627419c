import { mkdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { PinnedClient } from '#common/http/pinned-client.ts';
import { UsageError } from './exit-codes.ts';

const Access = Type.Object({ server: Type.String(), ca: Type.String(), token: Type.String() });
/** How to get in: which server, how to know it, and as whom. */
export type Access = Static<typeof Access>;

/** Which server the command line talks to, and where that was found. */
export interface Connection {
  client: PinnedClient;
  /** `local`: root's own token on the server itself. */
  source: 'environment' | 'login' | 'local';
}

/** Where `flexdeploy login` keeps its token. */
export function loginFile(): string {
  const { XDG_CONFIG_HOME } = process.env;
  return join(XDG_CONFIG_HOME || join(homedir(), '.config'), 'flexdeploy', 'login.json');
}

/** Where the server leaves root's own token. */
export function localAccessFile(): string {
  return join(process.env.FLEXDEPLOY_RUN || '/run/flexdeploy', 'admin.json');
}

/**
 * The server to talk to: FLEXDEPLOY_SERVER, FLEXDEPLOY_CA and FLEXDEPLOY_TOKEN, else the last `flexdeploy login`,
 * else the server on this machine (as root).
 * @throws UserError when there is none of them
 */
export async function connect(): Promise<Connection> {
  const { FLEXDEPLOY_SERVER: server, FLEXDEPLOY_CA: ca, FLEXDEPLOY_TOKEN: token } = process.env;
  if (server || ca || token) {
    if (server && ca && token) return { client: new PinnedClient({ server, ca, token }), source: 'environment' };
    throw new UsageError('FLEXDEPLOY_SERVER, FLEXDEPLOY_CA and FLEXDEPLOY_TOKEN must be set all three, or none');
  }
  const login = await readAccess(loginFile());
  if (login !== undefined) return { client: new PinnedClient(login), source: 'login' };
  const local = await readAccess(localAccessFile());
  if (local !== undefined) return { client: new PinnedClient(local), source: 'local' };
  throw new UsageError('which server?', {
    hint: 'Log in first: flexdeploy login --server HOST --ca sha256:… (on the server itself: run this as root).',
  });
}

/** Root's own way in, on the server itself; undefined elsewhere. */
export async function localClient(): Promise<PinnedClient | undefined> {
  const local = await readAccess(localAccessFile());
  return local === undefined ? undefined : new PinnedClient(local);
}

export async function saveLogin(access: Access): Promise<void> {
  await mkdir(dirname(loginFile()), { recursive: true, mode: 0o700 });
  await writeFileDurably(loginFile(), `${JSON.stringify(access)}\n`, 0o600);
}

export async function forgetLogin(): Promise<void> {
  await rm(loginFile(), { force: true });
}

async function readAccess(path: string): Promise<Access | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (Value.Check(Access, value)) return value;
  } catch {
    // said below
  }
  throw new UserError(`${path} is damaged`, { hint: 'Delete it and log in again.' });
}
