/** The runtime of a PC: only wires the parts together. */
import { readFile, writeFile } from 'node:fs/promises';
import { pino } from 'pino';
import { describeError, messageOf } from '#common/errors.ts';
import { PinnedClient } from '#common/http/pinned-client.ts';
import { KEYBOARDS } from '#common/protocol/config.ts';
import { run } from '#common/run.ts';
import { VERSION as SOURCE_VERSION } from '#common/version.ts';
import { readBootConfig } from './boot-config-file.ts';
import { setKeyboard } from './keyboard.ts';
import { LocalServer } from './kiosk/local-server.ts';
import { ShellSocket } from './kiosk/shell-socket.ts';
import { defaultPcName, gatherMachineFacts } from './machine-facts.ts';
import { watchNetwork } from './network/links.ts';
import { applyNetwork } from './network/networkd.ts';
import { parseOptions } from './options.ts';
import { type Outside, Runtime } from './runtime.ts';
import { StatusLines } from './status-lines.ts';
import { Tunnel } from './tunnel.ts';

/** Put in by the builder's bundler. */
declare const FLEXDEPLOY_VERSION: string | undefined;
const VERSION = typeof FLEXDEPLOY_VERSION === 'undefined' ? SOURCE_VERSION : FLEXDEPLOY_VERSION;

const log = pino({ level: process.env.FLEXDEPLOY_LOG ?? 'info', base: null });

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const { config, problems } = await readBootConfig(options.configFile);
  for (const problem of problems) log.warn(problem, 'flexdeploy.json');
  const pcName = config.pcName ?? (await defaultPcName());
  const keyboard = config.keyboard ?? 'us';
  const client =
    config.server !== undefined && config.ca !== undefined
      ? new PinnedClient({ server: config.server, ca: config.ca })
      : undefined;
  const status = new StatusLines(options.dryRun ? [] : undefined);
  const tunnel = new Tunnel();
  const stopping = new AbortController();

  /** Does something to this machine, unless it is only a developer's. */
  const here = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    if (options.dryRun) log.info(`not done here: ${what}`);
    else await act();
  };
  const seen = { page: false, loaded: false };
  const loginReady = () => {
    if (seen.page && seen.loaded && runtime.state.screen.kind === 'login') void status.reached('login-ready');
  };
  const outside: Outside = {
    client,
    tellShell: (command) => shell.send(command),
    machineFacts: () => gatherMachineFacts({ name: pcName, version: VERSION }, (words) => log.warn(words)),
    tunnelUp: (to, key) => here('tunnel up', () => tunnel.up(to, key, client?.address.host ?? '')),
    tunnelDown: () => here('tunnel down', () => tunnel.down()),
    setKeyboard: (layout) => here(`keyboard ${layout}`, () => setKeyboard(layout)),
    power: (action) =>
      here(action, () => run(['systemctl', '--no-block', action === 'restart' ? 'reboot' : 'poweroff'])),
    publish: (state) => {
      page.publish(state);
      loginReady();
    },
    onFirstFrame: () => void status.reached('first-frame'),
  };
  const runtime = new Runtime({
    outside,
    log,
    keyboards: KEYBOARDS,
    display: {
      pcName,
      version: VERSION,
      server: config.server,
      serverName: undefined,
      language: config.language ?? 'en',
      keyboard,
      configProblems: problems,
      loginProblem: undefined,
      notice: undefined,
    },
  });
  const shell = new ShellSocket({
    path: options.shellSocket,
    ...groupOption(await groupId('kiosk')),
    onConnected: (connected) => runtime.shellConnected(connected),
    onNonsense: (why) => log.warn(`the shell was hung up on: ${why}`),
    onEvent: (event) => {
      if (event.event === 'pageLoaded') seen.loaded = true;
      runtime.shellSays(event);
      loginReady();
    },
  });
  const page = new LocalServer({
    pageFolder: options.pageFolder,
    port: options.port,
    state: () => runtime.state,
    onCommand: (command) => runtime.command(command),
    onNonsense: (bytes) => log.warn({ bytes }, 'the page sent something that is no command'),
    onPage: (connected) => {
      seen.page = connected;
      loginReady();
    },
  });

  // The screen first: whatever fails afterwards can be shown on it.
  await Promise.all([shell.start(), page.start()]);
  await attempt('the keyboard layout', () => here(`keyboard ${keyboard}`, () => setKeyboard(keyboard)));
  await attempt('the tunnel of an earlier run', () => outside.tunnelDown());
  await attempt('the name of the PC', () =>
    here(`name ${pcName}`, () => writeFile('/proc/sys/kernel/hostname', pcName)),
  );
  await attempt('the network', () => here('network', () => applyNetwork(config.network)));
  void watchNetwork({
    signal: stopping.signal,
    onError: (message) => log.error(`the network cannot be watched: ${message}`),
    onChange: (network) => {
      runtime.networkIs(network);
      if (network.kind === 'up') void status.reached('network-ready');
    },
  });
  runtime.changed();
  log.info({ version: VERSION, server: config.server, pcName }, 'runtime is up');

  const stop = async (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping');
    stopping.abort();
    await runtime.stop();
    await Promise.all([shell.stop(), page.stop()]);
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void stop(signal).catch((error) => fail(error)));
}

async function attempt(what: string, work: () => Promise<void>): Promise<void> {
  await work().catch((error) => log.error(`${what}: ${messageOf(error)}`));
}

async function groupId(name: string): Promise<number | undefined> {
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const id = new RegExp(`^${name}:[^:]*:(\\d+):`, 'm').exec(groups)?.[1];
  return id === undefined ? undefined : Number(id);
}

function groupOption(gid: number | undefined): { gid?: number } {
  return gid === undefined ? {} : { gid };
}

function fail(error: unknown): never {
  log.fatal(describeError(error));
  process.exit(1);
}

await main().catch(fail);
