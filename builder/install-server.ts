/**
 * Installs the server on a Debian 13 host that is already there: the same packages, units and programs as the appliance
 * (profiles/server.ts), without its status screen and network settings. Run by `server/install.sh`; running it again
 * brings the host up to date with the checkout and keeps all state.
 */
import { access, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError, UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { run } from '#common/run.ts';
import { stageApp, stageNode } from './app-layer.ts';
import { CHECKOUT } from './context.ts';
import { listeningPorts } from './listening-ports.ts';
import { server } from './profiles/server.ts';
import { SERVER_PACKAGES } from './server-packages.ts';

const USAGE = `Usage: sh server/install.sh [--root FOLDER]
Installs or updates the FlexDeploy server on this Debian 13 host. Needs root.
  --root FOLDER  only put the files below FOLDER: no packages, no services (to look at, or to make a package of)`;

const HOST_UNIT = 'flexdeploy-server.service';

/** Puts programs, units and account description below `root`. */
async function installFiles(root: string): Promise<void> {
  const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string };
  const staged = await mkdtemp(join(tmpdir(), 'flexdeploy-install-'));
  try {
    // what makes an appliance of a machine stays out of a host that has other things to do
    const hostProfile = { ...server, overlays: ['server'], enable: [], mask: [] };
    await stageApp({ version }, hostProfile, staged);
    await stageNode(staged);
    for (const name of await readdir(staged)) {
      await run(['cp', '-r', '--preserve=mode,links', '--remove-destination', join(staged, name), `${root}/`]);
    }
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

async function checkHost(): Promise<void> {
  if (process.getuid?.() !== 0) throw new UserError('installing the server needs root', { hint: 'Run it with sudo.' });
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  if (!/^ID=debian$/m.test(release) || !/^VERSION_ID="?13"?$/m.test(release)) {
    throw new UserError('this host is not Debian 13', {
      hint: 'The server needs its versions of QEMU, DRBD and systemd. Use the appliance instead: npm run build -- server',
    });
  }
}

async function installPackages(): Promise<void> {
  const aptGet = (...args: string[]) =>
    run(['apt-get', '-q', '-y', ...args], { timeoutMs: 30 * 60_000, env: { DEBIAN_FRONTEND: 'noninteractive' } });
  await aptGet('update');
  await aptGet('install', '--no-install-recommends', ...SERVER_PACKAGES);
}

/** Where a host's settings of the server are, read by the server process. */
const SETTINGS = '/etc/flexdeploy/server.json';

/** The server closes its host's firewall: what listens to the outside today stays open, or SSH would be cut off. */
async function keepPortsOpen(): Promise<void> {
  if (
    await access(SETTINGS).then(
      () => true,
      () => false,
    )
  )
    return;
  const { stdout } = await run(['ss', '--no-header', '--listening', '--tcp', '--numeric']);
  const openTcpPorts = listeningPorts(stdout).filter((port) => port !== 443);
  await mkdir(dirname(SETTINGS), { recursive: true });
  await writeFileDurably(SETTINGS, `${JSON.stringify({ openTcpPorts }, null, 2)}\n`);
  if (openTcpPorts.length > 0) console.log(`TCP ports that stay open, see ${SETTINGS}: ${openTcpPorts.join(', ')}`);
}

async function startService(): Promise<void> {
  await run(['systemd-sysusers']);
  await run(['systemctl', 'daemon-reload']);
  await run(['systemctl', 'enable', HOST_UNIT]);
  // desktops are units of their own: they run on while the server process is replaced
  await run(['systemctl', 'restart', HOST_UNIT]);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { root: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help) return console.log(USAGE);
  if (values.root !== undefined) {
    await installFiles(values.root);
    console.log(`The files of the server are in ${values.root}.`);
    return;
  }
  await checkHost();
  console.log('Installing Debian packages ...');
  await installPackages();
  console.log('Installing the server ...');
  await installFiles('');
  await keepPortsOpen();
  await startService();
  console.log('The server runs. What to do next: cat /run/flexdeploy/console.txt');
}

await main().catch((error: unknown) => {
  console.error(describeError(error));
  process.exitCode = 1;
});
