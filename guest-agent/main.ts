/** `flexdeploy-agent`: the service in a desktop and its command line, in one program. Only reads arguments and wires. */
import { Command } from 'commander';
import { describeError, UserError } from '#common/errors.ts';
import type { Wish } from '#common/protocol/host-guest.ts';
import { VERSION as SOURCE_VERSION } from '#common/version.ts';
import { type Output, status, watch, wish } from './commands.ts';
import { NoServiceError } from './control/client.ts';
import { controlPath } from './control/protocol.ts';
import { openPort, portPath } from './port/open.ts';
import { AgentService } from './service.ts';
import { installService, uninstallService } from './windows/install-service.ts';
import { openWindow } from './windows/window.ts';

/** Put in by the builder's bundler. */
declare const FLEXDEPLOY_VERSION: string | undefined;
const VERSION = typeof FLEXDEPLOY_VERSION === 'undefined' ? SOURCE_VERSION : FLEXDEPLOY_VERSION;

const EXIT_CODES = `
Exit codes:
  0  done
  1  refused, or it did not work; the reason is on standard error
  2  the command line is wrong
  3  the agent's service does not run
  4  nobody at the host answers the service (status)

Examples:
  flexdeploy-agent status
  flexdeploy-agent status --watch --json
  flexdeploy-agent move here --wait
  flexdeploy-agent move server
`;

interface Flags {
  json?: true;
  watch?: true;
  wait?: true;
  control: string;
  port?: string;
}

function outputOf({ json, control }: Flags): Output {
  return { json: json ?? false, control, print: (line) => console.log(line) };
}

function program(): Command {
  const command = new Command('flexdeploy-agent')
    .description('Shows where this desktop runs, moves it, and pauses the copying of its disk.')
    .version(VERSION)
    .showHelpAfterError('(--help shows what there is)')
    .addHelpText('after', EXIT_CODES)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const add = (name: string, description: string) =>
    command
      .command(name)
      .description(description)
      .option('--control <path>', "the service's local socket", controlPath(process.platform));
  add('status', 'say where the desktop runs and how its copy is getting on')
    .option('--watch', 'go on, and say it again with every change')
    .option('--json', 'one JSON object a line')
    .action(async (flags: Flags) => {
      if (flags.watch) await watch(outputOf(flags));
      else if (!(await status(outputOf(flags)))) process.exitCode = 4;
    });
  add('watch', 'the same as status --watch')
    .option('--json', 'one JSON object a line')
    .action((flags: Flags) => watch(outputOf(flags)));
  const wishes: [string, string, Wish][] = [
    ['pause', 'pause the copying of the disk', 'pause'],
    ['resume', 'go on copying', 'resume'],
    ['cancel', 'call a move off that has begun', 'cancelMove'],
  ];
  for (const [name, description, wanted] of wishes) {
    add(name, description)
      .option('--json', 'one JSON object a line')
      .action((flags: Flags) => wish(outputOf(flags), wanted, { wait: false }));
  }
  add('move', 'move the running desktop: "here" is this PC')
    .argument('<where>', 'here or server')
    .option('--wait', 'until it has arrived, showing how it goes')
    .option('--json', 'one JSON object a line')
    .action((where: string, flags: Flags) => wish(outputOf(flags), moveWish(where), { wait: flags.wait ?? false }));
  add('serve', 'be the service; the system starts it')
    .option('--port <path>', 'the serial port', portPath(process.platform))
    .action((flags: Flags) => serve(flags));
  if (process.platform === 'win32') windowsCommands(command, add);
  return command;
}

function windowsCommands(command: Command, add: (name: string, description: string) => Command): void {
  add('window', 'open the window').action((flags: Flags) => openWindow(flags.control));
  command
    .command('install-service')
    .description('install and start the service (as an administrator)')
    .action(installService);
  command
    .command('uninstall-service')
    .description('stop and remove the service (as an administrator)')
    .action(uninstallService);
}

function moveWish(where: string): Wish {
  if (where === 'here') return 'moveHere';
  if (where === 'server') return 'moveToServer';
  console.error(`error: a desktop moves "here" or to the "server", not "${where}"`);
  return process.exit(2);
}

async function serve({ control, port }: Flags): Promise<void> {
  const log = (line: string) => console.error(line);
  const service = new AgentService({ port: openPort(port), control, version: VERSION, log });
  await service.start();
  log(`flexdeploy-agent ${VERSION} listens at ${control}`);
  const stop = () => void service.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop).once('SIGINT', stop);
}

async function main(): Promise<void> {
  try {
    await program().parseAsync();
  } catch (error) {
    console.error(describeError(error));
    process.exitCode = error instanceof NoServiceError ? 3 : error instanceof UserError ? 1 : 70;
  }
}

void main();
