import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { Type } from 'typebox';
import { UserError } from '#common/errors.ts';
import { formatFingerprint } from '#common/http/ca-pin.ts';
import { probeCertificates } from '#common/http/certificate-probe.ts';
import { ApiError, LinkError, PinnedClient } from '#common/http/pinned-client.ts';
import { parseServerAddress } from '#common/http/server-address.ts';
import { CurrentSession, type Hello, LoggedIn, User } from '#common/protocol/client-server.ts';
import { Desktop } from '#common/protocol/desktop.ts';
import { askText, readNewPassword, readPassword } from './ask.ts';
import { connect, forgetLogin, localClient, saveLogin } from './connection.ts';
import { UsageError } from './exit-codes.ts';
import { facts, time } from './output.ts';
import { examples, report } from './report.ts';

interface ServerFlags {
  server?: string;
  ca?: string;
  user?: string;
  passwordStdin?: boolean;
}

/** setup, login, logout, status */
export function addLoginCommands(program: Command): void {
  const setup = program
    .command('setup')
    .description('make the first administrator of a new server')
    .option('--server <host[:port]>', 'the server; not needed on the server itself (as root)')
    .option('--ca <sha256:…>', 'fingerprint of its CA, as on its console')
    .option('--code <code>', 'set-up code, as on its console')
    .requiredOption('--user <name>', 'name of the administrator')
    .option('--password-stdin', 'read the password from standard input')
    .action(async (flags: ServerFlags & { code?: string; user: string }) => {
      const user = await setUp(flags);
      report(setup, user, () => `${user.name} is the administrator now. Next: flexdeploy login`);
    });
  examples(setup, [
    'flexdeploy setup --user admin                          # on the server, as root',
    'flexdeploy setup --server 192.168.1.10 --ca sha256:… --code ABCD-EFGH --user admin',
  ]);

  const login = program
    .command('login')
    .description('log in to a server; the token is kept for the next commands')
    .requiredOption('--server <host[:port]>', 'the server')
    .option('--ca <sha256:…>', 'fingerprint of its CA, as on its console; asked for when missing')
    .option('--user <name>', 'who; asked for when missing')
    .option('--password-stdin', 'read the password from standard input')
    .action(async (flags: ServerFlags & { server: string }) => {
      const ca = flags.ca ?? (await confirmedFingerprint(flags.server));
      const client = new PinnedClient({ server: flags.server, ca });
      await client.hello();
      const user = flags.user ?? (await askText(`User [${userInfo().username}]: `)) ?? '';
      const password = await readPassword(flags.passwordStdin);
      const body = { user: user === '' ? userInfo().username : user, password };
      const answer = await client.call({ method: 'POST', path: '/sessions', body, answer: LoggedIn });
      await saveLogin({ server: flags.server, ca, token: answer.token });
      const done = {
        server: client.server,
        user: answer.user.name,
        role: answer.user.role,
        expiresAt: answer.expiresAt,
      };
      report(login, done, () => `logged in to ${done.server} as ${done.user} (${done.role})`);
    });
  examples(login, ['flexdeploy login --server 192.168.1.10 --ca sha256:… --user admin']);

  const logout = program
    .command('logout')
    .description('end the session and forget its token')
    .action(async () => {
      const { client, source } = await connect();
      if (source !== 'login') throw new UsageError('there is no login to end');
      try {
        await client.call({ method: 'DELETE', path: '/sessions/current' });
      } catch (error) {
        const over = error instanceof ApiError && error.code === 'unauthorized';
        if (!over && !(error instanceof LinkError)) throw error;
        if (!over) process.stderr.write(`${error.message}\nThe token is forgotten here; it expires by itself there.\n`);
      }
      await forgetLogin();
      report(logout, { loggedOut: true }, () => 'logged out');
    });

  const status = program
    .command('status')
    .description('which server, who am I, and is all well')
    .action(async () => {
      const { client, source } = await connect();
      const hello = await client.hello();
      const me = await client.call({ path: '/sessions/current', answer: CurrentSession });
      const desktops = await client.call({ path: '/desktops', answer: Type.Array(Desktop) });
      const running = desktops.filter((d) => d.state.kind === 'running').length;
      const failed = desktops.filter((d) => d.state.kind === 'failed').length;
      const value = { server: client.server, source, ...hello, ...me, desktops: desktops.length, running, failed };
      report(status, value, () => statusText(client.server, hello, me, { all: desktops.length, running, failed }));
    });
}

async function setUp(flags: ServerFlags & { code?: string; user: string }): Promise<User> {
  const { server, ca, code, user } = flags;
  if (server === undefined) {
    const client = await localClient();
    if (client === undefined) {
      throw new UsageError('which server?', {
        hint: 'Give --server, --ca and --code as its console shows them, or run this on the server as root.',
      });
    }
    if ((await client.hello()).setupDone) {
      throw new UserError('the set-up was done already', { hint: 'More accounts: flexdeploy user add NAME.' });
    }
    const body = { name: user, role: 'admin', password: await readNewPassword(flags.passwordStdin) };
    return await client.call({ method: 'POST', path: '/users', body, answer: User });
  }
  const client = new PinnedClient({ server, ca: ca ?? (await confirmedFingerprint(server)) });
  if ((await client.hello()).setupDone) throw new UserError('the set-up was done already', { hint: 'Log in.' });
  const typedCode = code ?? (await askText('Set-up code on the console of the server: '));
  const body = { code: typedCode, user, password: await readNewPassword(flags.passwordStdin) };
  return await client.call({ method: 'POST', path: '/setup', body, answer: User });
}

/** Without --ca: shows what the server has, and lets the person compare it with its console. */
async function confirmedFingerprint(server: string): Promise<string> {
  const address = parseServerAddress(server);
  if (!process.stdin.isTTY) throw new UsageError('--ca is missing', { hint: 'It is on the console of the server.' });
  const chain = await probeCertificates(address, 5_000).catch((cause) => {
    throw new LinkError({ kind: 'unreachable', host: server, detail: String(cause.message) }, cause);
  });
  const found = formatFingerprint(chain.at(-1)?.fingerprint ?? '');
  process.stderr.write(`The CA of ${server} is\n  ${found}\nCompare it with the console of the server.\n`);
  if ((await askText('Is it the same? [yes/no]: ')).toLowerCase() !== 'yes') throw new UserError('not confirmed');
  return found;
}

function statusText(
  server: string,
  hello: Hello,
  me: CurrentSession,
  desktops: { all: number; running: number; failed: number },
): string {
  const failed = desktops.failed > 0 ? `, ${desktops.failed} failed` : '';
  return facts([
    ['Server', `${hello.serverName} at ${server}, version ${hello.version}`],
    ['Clock', time(hello.time)],
    ['User', `${me.user} (${me.role})`],
    ['Session', me.session === undefined ? 'none needed on the server itself' : `until ${time(me.session.expiresAt)}`],
    ['Desktops', `${desktops.all}, ${desktops.running} running${failed}`],
    ...(hello.setupDone ? [] : [['Set-up', 'no administrator yet: flexdeploy setup --user NAME'] as const]),
  ]);
}
