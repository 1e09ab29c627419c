/** `npm run build -- ...`: the builder's command line. Only reads the arguments and wires the parts. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { describeError, UserError } from '#common/errors.ts';
import { artefactFolder } from './artefacts.ts';
import { buildAgentPackages, buildImage, cleanCache } from './commands.ts';
import { configCommand } from './config-command.ts';
import { CHECKOUT } from './context.ts';
import { PROFILES } from './profiles/index.ts';
import { report } from './report.ts';

interface BuildFlags {
  debug?: true;
  json?: true;
  fresh?: true;
  firmware?: true;
  suite: string;
  mirror?: string;
  securityMirror?: string;
  out: string;
  server?: string;
  ca?: string;
}

const EXAMPLES = `
Examples:
  npm run build -- client
  npm run build -- client --server desktops.example.org --ca sha256:12ab...
  npm run build -- client --debug            # with a root shell, for tests
  npm run build -- report client             # where the megabytes go
  npm run build -- config out/images/client/flexdeploy-client.iso --set keyboard=pt
  npm run build -- agent             # the guest agent: .deb and .exe
  npm run build -- clean                     # empty the build cache
`;

function program(version: string): Command {
  const command = new Command('npm run build --')
    .description('Builds FlexDeploy images.')
    .version(version)
    .showHelpAfterError('(--help shows what there is)')
    .addHelpText('after', EXAMPLES);
  for (const profile of PROFILES) {
    const sub = command
      .command(profile.name)
      .description(profile.title)
      .option(
        '--debug',
        'with a root shell on the virtio console and the journal on ttyS0; never give such an image away',
      )
      .option('--json', 'tell progress as JSON lines on standard output')
      .option('--fresh', 'make every part anew, whatever the cache holds')
      .option('--firmware', 'with the firmware packages of the profile (not free software)')
      .option('--suite <name>', 'Debian suite', 'trixie')
      .option(
        '--mirror <url>',
        "Debian archive instead of the ones that this machine's apt uses; then name its security archive too",
      )
      .option('--security-mirror <url>', "Debian's security archive, beside --mirror")
      .addOption(
        new Option('--out <folder>', 'where the artefacts go').default(join(CHECKOUT, 'out/images'), 'out/images'),
      );
    if (profile.kind === 'live') {
      sub
        .option('--server <host[:port]>', 'server address for flexdeploy.json')
        .option('--ca <pin>', 'sha256:... or a PEM file, for flexdeploy.json');
    }
    sub.action(async (flags: BuildFlags) => {
      if (flags.securityMirror !== undefined && flags.mirror === undefined) {
        throw new UserError('--security-mirror goes with --mirror', {
          hint: "Without either, this machine's own archives are used, security archive included.",
        });
      }
      const config = {
        ...(flags.server !== undefined && { server: flags.server }),
        ...(flags.ca !== undefined && { ca: await caValue(flags.ca) }),
      };
      await buildImage(profile, {
        options: {
          debug: flags.debug ?? false,
          firmware: flags.firmware ?? false,
          suite: flags.suite,
          mirror: flags.mirror,
          securityMirror: flags.securityMirror,
          config,
          outFolder: resolve(flags.out),
        },
        json: flags.json ?? false,
        fresh: flags.fresh ?? false,
        version,
      });
    });
  }
  command
    .command('agent')
    .description('the guest agent: a .deb for Debian and Ubuntu, an .exe for Windows')
    .option('--linux', 'only the .deb')
    .option('--windows', 'only the .exe')
    .option('--json', 'tell progress as JSON lines on standard output')
    .addOption(
      new Option('--out <folder>', 'where the artefacts go').default(join(CHECKOUT, 'out/images'), 'out/images'),
    )
    .action(async (flags: { linux?: true; windows?: true; json?: true; out: string }) => {
      const all = !flags.linux && !flags.windows;
      const wanted = { linux: all || flags.linux === true, windows: all || flags.windows === true };
      const options = { debug: false, firmware: false, suite: '', config: {} };
      await buildAgentPackages(wanted, {
        options: { ...options, outFolder: resolve(flags.out) },
        json: flags.json ?? false,
        fresh: false,
        version,
      });
    });
  command.command('clean').description('empty the build cache').action(cleanCache);
  command
    .command('report')
    .description('say where the megabytes of the last build went')
    .argument('<profile>', PROFILES.map((p) => p.name).join(', '))
    .option('--debug', 'of the debug build')
    .action(async (name: string, flags: { debug?: true }) => {
      assertProfile(name);
      console.log(await report(join(CHECKOUT, 'out/images', artefactFolder(name, flags.debug ?? false))));
    });
  command
    .command('config')
    .description('show or change flexdeploy.json inside an ISO or on a stick, without a rebuild')
    .argument('<iso>', 'ISO file')
    .option('--set <key=value...>', 'set keys; the value is JSON or plain text; an empty value removes the key')
    .option('--file <json>', 'replace the whole file')
    .option('--show', 'show what is there')
    .action(async (iso: string, flags: { set?: string[]; file?: string; show?: true }) => {
      console.log(await configCommand(iso, flags));
    });
  command.argument('[profile]').action((name: string | undefined) => {
    if (name === undefined) return command.help();
    throw new UserError(`there is no profile or command "${name}"`, {
      hint: `There are: ${command.commands.map((c) => c.name()).join(', ')}.`,
    });
  });
  return command;
}

function assertProfile(name: string): void {
  if (PROFILES.some((p) => p.name === name)) return;
  throw new UserError(`there is no profile "${name}"`, {
    hint: `There are: ${PROFILES.map((p) => p.name).join(', ')}.`,
  });
}

async function caValue(pin: string): Promise<string> {
  if (pin.startsWith('sha256:')) return pin;
  return readFile(pin, 'utf8').catch((cause: unknown) => {
    throw new UserError(`--ca ${pin} is neither sha256:... nor a file that can be read`, { cause });
  });
}

try {
  const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string };
  await program(version).parseAsync();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
