import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { UserError } from '#common/errors.ts';
import { EXIT, UsageError } from './exit-codes.ts';

/** A line from the terminal; `hidden`: nothing of it is shown. @throws UsageError when there is no terminal */
async function ask(question: string, options: { hidden: boolean }): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new UsageError(`cannot ask "${question.trim()}": this is not a terminal`, {
      hint: 'Give passwords with --password-stdin, and confirm with --yes.',
    });
  }
  if (options.hidden) process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = options.hidden ? silent : process.stderr;
  const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  return await new Promise((resolve, reject) => {
    lines.on('SIGINT', () => {
      process.stderr.write('\n');
      process.exit(EXIT.interrupted);
    });
    lines.on('close', () => reject(new UsageError('no answer')));
    lines.question(options.hidden ? '' : question, (answer) => {
      if (options.hidden) process.stderr.write('\n');
      resolve(answer);
      lines.close();
    });
  });
}

/** A name that was not given on the command line. */
export async function askText(question: string): Promise<string> {
  return (await ask(question, { hidden: false })).trim();
}

/** The password for logging in: from standard input if told so, else asked for without echo. */
export async function readPassword(fromStdin: boolean | undefined, question = 'Password: '): Promise<string> {
  return fromStdin ? await firstLineOfStdin() : await ask(question, { hidden: true });
}

/** A password to be set: asked for twice. */
export async function readNewPassword(fromStdin: boolean | undefined): Promise<string> {
  if (fromStdin) return await firstLineOfStdin();
  const password = await ask('New password (8 characters or more): ', { hidden: true });
  const again = await ask('Once more: ', { hidden: true });
  if (password !== again) throw new UserError('the two passwords are not the same');
  return password;
}

/** Before something is destroyed: the person types its name. `yes` answers beforehand. */
export async function confirmByName(warning: string, name: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  process.stderr.write(`${warning}\n`);
  if ((await askText(`Type its name (${name}) to go on: `)) !== name) {
    throw new UserError('not confirmed, nothing was done');
  }
}

async function firstLineOfStdin(): Promise<string> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) {
    text += chunk;
    if (text.includes('\n') || text.length > 4096) break;
  }
  const line = text.split('\n')[0]?.replace(/\r$/, '') ?? '';
  if (line === '') throw new UsageError('there is no password on standard input');
  return line;
}
