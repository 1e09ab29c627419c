import { Command, CommanderError } from 'commander';
import { describeError, messageOf, UserError } from '#common/errors.ts';
import { ApiError } from '#common/http/pinned-client.ts';
import { VERSION } from '#common/version.ts';
import { addDesktopCommands } from './desktop-commands.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { addImageCommands } from './image-commands.ts';
import { addLoginCommands } from './login-commands.ts';
import { addPcCommands } from './pc-commands.ts';
import { addSessionCommands, addUserCommands } from './user-commands.ts';

const HELP = `
Which server: FLEXDEPLOY_SERVER, FLEXDEPLOY_CA and FLEXDEPLOY_TOKEN if set, else the last "flexdeploy login",
else (as root) the server on this machine.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no (or the wrong) server, 4 not logged in or not allowed,
5 not found, 6 not possible in this state, 130 interrupted.

Examples:
  flexdeploy setup --user admin
  flexdeploy user add ana
  flexdeploy image import debian.qcow2 --name debian-13-v1
  flexdeploy desktop create ana-desk --image debian-13-v1 --owner ana
  flexdeploy desktop list --json`;

function buildProgram(): Command {
  const program = new Command('flexdeploy')
    .description('Manage a FlexDeploy server: users, golden images, desktops, PCs, sessions.')
    .version(VERSION)
    .option('--json', 'print JSON for scripts')
    .addHelpText('after', HELP)
    .showHelpAfterError('(--help says more)')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  addLoginCommands(program);
  addUserCommands(program);
  addImageCommands(program);
  addDesktopCommands(program);
  addPcCommands(program);
  addSessionCommands(program);
  return program;
}

/** Errors go to standard error: in words, or with --json as one object. */
function printError(error: unknown, json: boolean): void {
  if (error instanceof CommanderError) return; // commander has printed it
  if (!json) {
    process.stderr.write(`${describeError(error)}\n`);
    return;
  }
  const code = error instanceof ApiError ? error.code : 'failed';
  const hint = error instanceof UserError ? error.hint : undefined;
  process.stderr.write(`${JSON.stringify({ error: { code, message: messageOf(error), hint } })}\n`);
}

process.on('SIGINT', () => process.exit(EXIT.interrupted));
process.stdout.on('error', () => process.exit(EXIT.failed)); // `flexdeploy … | head`
const program = buildProgram();
try {
  await program.parseAsync();
  process.exitCode = EXIT.ok;
} catch (error) {
  printError(error, program.opts<{ json?: boolean }>().json ?? process.argv.includes('--json'));
  process.exitCode = exitCodeOf(error);
}
