import type { Command } from 'commander';
import { Type } from 'typebox';
import { Session, User } from '#common/protocol/client-server.ts';
import { confirmByName, readNewPassword, readPassword } from './ask.ts';
import { connect } from './connection.ts';
import { facts, table, time } from './output.ts';
import { examples, report } from './report.ts';

/** user add|list|show|password|role|unlock|delete */
export function addUserCommands(program: Command): void {
  const user = program.command('user').description('accounts');
  const pathOf = (name: string) => `/users/${encodeURIComponent(name)}`;

  const add = user
    .command('add <name>')
    .description('make an account; the password is asked for')
    .option('--display-name <text>', 'the name people see')
    .option('--role <role>', 'admin or user', 'user')
    .option('--password-stdin', 'read the password from standard input')
    .action(async (name: string, flags: { displayName?: string; role: string; passwordStdin?: boolean }) => {
      const { client } = await connect();
      const password = await readNewPassword(flags.passwordStdin);
      const { displayName, role } = flags;
      const body = { name, role, password, ...(displayName !== undefined && { displayName }) };
      const made = await client.call({ method: 'POST', path: '/users', body, answer: User });
      report(add, made, () => `made ${made.role} ${made.name}`);
    });
  examples(add, [
    'flexdeploy user add ana --display-name "Ana Sousa"',
    'flexdeploy user add ana --password-stdin < password.txt',
  ]);

  const list = user
    .command('list')
    .description('all accounts')
    .action(async () => {
      const { client } = await connect();
      const users = await client.call({ path: '/users', answer: Type.Array(User) });
      const columns = [
        { title: 'NAME', text: (u: User) => u.name },
        { title: 'ROLE', text: (u: User) => u.role },
        { title: 'DISPLAY NAME', text: (u: User) => u.displayName },
        { title: 'MADE', text: (u: User) => time(u.createdAt) },
        { title: 'LOCKED UNTIL', text: (u: User) => (u.lockedUntil === undefined ? '' : time(u.lockedUntil)) },
      ];
      report(list, users, () => table(users, columns, 'There are no users yet.'));
    });

  const show = user
    .command('show <name>')
    .description('one account')
    .action(async (name: string) => {
      const { client } = await connect();
      const found = await client.call({ path: pathOf(name), answer: User });
      report(show, found, () => userText(found));
    });

  const password = user
    .command('password <name>')
    .description('set a password; all other sessions of the account end')
    .option('--password-stdin', 'read the new password from standard input')
    .option('--own', 'it is my own, and I am no administrator: ask for the old one too')
    .action(async (name: string, flags: { passwordStdin?: boolean; own?: boolean }) => {
      const { client } = await connect();
      const current = flags.own ? await readPassword(false, 'Current password: ') : undefined;
      const body = {
        password: await readNewPassword(flags.passwordStdin),
        ...(current !== undefined && { currentPassword: current }),
      };
      await client.call({ method: 'PUT', path: `${pathOf(name)}/password`, body });
      report(password, { name, changed: true }, () => `the password of ${name} is changed`);
    });

  const role = user
    .command('role <name> <role>')
    .description('make somebody admin, or user again')
    .action(async (name: string, wanted: string) => {
      const { client } = await connect();
      const changed = await client.call({ method: 'PATCH', path: pathOf(name), body: { role: wanted }, answer: User });
      report(role, changed, () => `${changed.name} is ${changed.role} now`);
    });

  const unlock = user
    .command('unlock <name>')
    .description('let somebody who failed too often try again')
    .action(async (name: string) => {
      const { client } = await connect();
      const changed = await client.call({ method: 'POST', path: `${pathOf(name)}/unlock`, answer: User });
      report(unlock, changed, () => `${changed.name} can log in again`);
    });

  const remove = user
    .command('delete <name>')
    .description('delete an account that owns no desktops')
    .option('--yes', 'do not ask')
    .action(async (name: string, flags: { yes?: boolean }) => {
      const { client } = await connect();
      await client.call({ path: pathOf(name), answer: User });
      await confirmByName(`The account ${name} will be deleted and its sessions ended.`, name, flags.yes);
      await client.call({ method: 'DELETE', path: pathOf(name) });
      report(remove, { name, deleted: true }, () => `deleted ${name}`);
    });
}

/** session list|end */
export function addSessionCommands(program: Command): void {
  const session = program.command('session').description('who is logged in');

  const list = session
    .command('list')
    .description('all sessions (for users: their own)')
    .action(async () => {
      const { client } = await connect();
      const sessions = await client.call({ path: '/sessions', answer: Type.Array(Session) });
      const columns = [
        { title: 'ID', text: (s: Session) => s.id },
        { title: 'USER', text: (s: Session) => s.user },
        { title: 'FROM', text: (s: Session) => s.peer },
        { title: 'PC', text: (s: Session) => s.machineName ?? '' },
        { title: 'TUNNEL', text: (s: Session) => s.tunnelAddress ?? '' },
        { title: 'SINCE', text: (s: Session) => time(s.createdAt) },
        { title: 'LAST SEEN', text: (s: Session) => time(s.lastSeenAt) },
      ];
      report(list, sessions, () => table(sessions, columns, 'Nobody is logged in.'));
    });

  const end = session
    .command('end <id>')
    .description('log somebody out; their PC goes back to its log-in screen')
    .action(async (id: string) => {
      const { client } = await connect();
      await client.call({ method: 'DELETE', path: `/sessions/${encodeURIComponent(id)}` });
      report(end, { id, ended: true }, () => `ended ${id}`);
    });
}

function userText(user: User): string {
  return facts([
    ['Name', user.name],
    ['Display name', user.displayName],
    ['Role', user.role],
    ['Made', time(user.createdAt)],
    ['Locked until', user.lockedUntil === undefined ? 'not locked' : time(user.lockedUntil)],
  ]);
}
