/** The runtime of a PC: only wires the parts together. */
import { readFile, writeFile } from 'node:fs/promises';
import { pino } from 'pino';
import { describeError, messageOf } from '#common/errors.ts';
import { PinnedClient } from '#common/http/pinned-client.ts';
import { type BootConfig, KEYBOARDS } from '#common/protocol/config.ts';
import { run } from '#common/run.ts';
import { VERSION as SOURCE_VERSION } from '#common/version.ts';
import { readBootConfig } from './boot-config-file.ts';
import { listDisks } from './disks/candidates.ts';
import { Confirmations } from './disks/confirmations.ts';
import { makeGuard } from './disks/guard.ts';
import type { Display } from './facts.ts';
import { GuestPort } from './guest-port.ts';
import { PcHost } from './hosting/pc-host.ts';
import { setKeyboard } from './keyboard.ts';
import { LocalServer } from './kiosk/local-server.ts';
import { ShellSocket } from './kiosk/shell-socket.ts';
import { defaultPcName, gatherMachineFacts } from './machine-facts.ts';
import { watchNetwork } from './network/links.ts';
import { applyNetwork } from './network/networkd.ts';
import { type Options, parseOptions } from './options.ts';
import { type Outside, Runtime } from './runtime.ts';
import { StatusLines } from './status-lines.ts';
import { TUNNEL_NAME, Tunnel } from './tunnel.ts';

/** Put in by the builder's bundler. */
declare const FLEXDEPLOY_VERSION: string | undefined;
const VERSION = typeof FLEXDEPLOY_VERSION === 'undefined' ? SOURCE_VERSION : FLEXDEPLOY_VERSION;

const log = pino({ level: process.env.FLEXDEPLOY_LOG ?? 'info', base: null });

interface Parts {
  options: Options;
  config: BootConfig;
  runtime: Runtime;
  shell: ShellSocket;
  page: LocalServer;
  status: StatusLines;
  host: PcHost | undefined;
  stopping: AbortController;
}

async function main(): Promise<void> {
  const parts = await wire(parseOptions(process.argv.slice(2)));
  // The screen first: whatever fails afterwards can be shown on it.
  await Promise.all([parts.shell.start(), parts.page.start()]);
  await prepareMachine(parts);
  parts.runtime.changed();
  const { server } = parts.config;
  log.info({ version: VERSION, server, pcName: parts.runtime.display.pcName }, 'runtime is up');
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void stop(parts, signal).catch((error) => fail(error)));
}

async function wire(options: Options): Promise<Parts> {
  const { config, problems } = await readBootConfig(options.configFile);
  for (const problem of problems) log.warn(problem, 'flexdeploy.json');
  const display: Display = {
    pcName: config.pcName ?? (await defaultPcName()),
    version: VERSION,
    server: config.server,
    serverName: undefined,
    language: config.language ?? 'en',
    keyboard: config.keyboard ?? 'us',
    configProblems: problems,
    loginProblem: undefined,
    notice: undefined,
  };
  const { server, ca } = config;
  const client = server !== undefined && ca !== undefined ? new PinnedClient({ server, ca }) : undefined;
  const { pcHost, ...copies } = hosting(options, client);
  const status = new StatusLines(options.dryRun ? [] : undefined);
  const seen = { page: false, loaded: false };
  const loginReady = () => {
    if (seen.page && seen.loaded && runtime.state.screen.kind === 'login') void status.reached('login-ready');
  };
  const outside: Outside = {
    client,
    ...machine(options, client, display.pcName),
    ...copies,
    tellShell: (command) => shell.send(command),
    publish: (state) => {
      page.publish(state);
      loginReady();
    },
    onFirstFrame: () => void status.reached('first-frame'),
  };
  const runtime = new Runtime({ outside, log, keyboards: KEYBOARDS, display });
  const gid = await groupId('kiosk');
  const shell = new ShellSocket({
    path: options.shellSocket,
    ...(gid !== undefined && { gid }),
    onConnected: (connected) => runtime.shellConnected(connected),
    onNonsense: (why) => log.warn(`the shell was hung up on: ${why}`),
    onEvent: (event) => {
      if (event.event === 'pageLoaded') {
        seen.loaded = true;
        pcHost?.prepare();
      }
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
  if (pcHost) followHost(pcHost, runtime);
  return { options, config, runtime, shell, page, status, host: pcHost, stopping: new AbortController() };
}

/** This PC as a host of desktops, and its disks. A developer's machine hosts nothing. */
function hosting(
  options: Options,
  client: PinnedClient | undefined,
): Pick<Outside, 'host' | 'listDisks' | 'confirmDisk' | 'forgetConfirmations'> & { pcHost: PcHost | undefined } {
  const confirmations = new Confirmations();
  const openGuarded = makeGuard({ confirmations, log });
  const folders = { state: '/var/lib/flexdeploy', run: '/run/flexdeploy' };
  const pcHost =
    options.dryRun || !client
      ? undefined
      : new PcHost({ folders, tunnelInterface: TUNNEL_NAME, openGuarded, log: log.child({ part: 'host' }) });
  return {
    pcHost,
    host: pcHost && {
      connect: (tunnel) => client && pcHost.connect(client, tunnel),
      disconnect: () => pcHost.disconnect(),
      ticket: (desktop) => pcHost.ticket(desktop),
      shutDownHere: () => pcHost.shutDownHere(),
    },
    listDisks: (bytes) => listDisks(bytes, (words) => log.warn(words)),
    confirmDisk: (desktop, disk) => confirmations.give(desktop, disk),
    forgetConfirmations: () => confirmations.clear(),
  };
}

/** Tells the runtime what is on this PC, and serves the port of the agent in the desktop that runs here. */
function followHost(host: PcHost, runtime: Runtime): void {
  const port = new GuestPort(runtime, (line) => log.warn(line));
  const tell = () => {
    const { desktop, machine, link } = host.state;
    runtime.hereIs({ desktop: desktop?.id, machine: machine.kind, link });
    port.follow(host.agentSocket, desktop);
  };
  runtime.onPlanned = () => port.update();
  host.onChange(tell);
  tell();
}

/** What the runtime does to the PC; with `--dry-run`, only words about it. */
function machine(
  options: Options,
  client: PinnedClient | undefined,
  pcName: string,
): Pick<Outside, 'machineFacts' | 'tunnelUp' | 'tunnelDown' | 'setKeyboard' | 'power'> {
  const tunnel = new Tunnel();
  return {
    machineFacts: () => gatherMachineFacts({ name: pcName, version: VERSION }, (words) => log.warn(words)),
    tunnelUp: (to, key) => here(options, 'tunnel up', () => tunnel.up(to, key, client?.address.host ?? '')),
    tunnelDown: () => here(options, 'tunnel down', () => tunnel.down()),
    setKeyboard: (layout) => here(options, `keyboard ${layout}`, () => setKeyboard(layout)),
    power: (action) =>
      here(options, action, () => run(['systemctl', '--no-block', action === 'restart' ? 'reboot' : 'poweroff'])),
  };
}

/** Brings the PC into the state that flexdeploy.json describes; what fails is logged, and the rest goes on. */
async function prepareMachine({ options, config, runtime, status, host, stopping }: Parts): Promise<void> {
  const { outside, display } = runtime;
  await attempt('the keyboard layout', () => outside.setKeyboard(display.keyboard));
  await attempt('the tunnel of an earlier run', () => outside.tunnelDown());
  if (host) await attempt('what runs on this PC', () => host.start());
  await attempt('the name of the PC', () =>
    here(options, `name ${display.pcName}`, () => writeFile('/proc/sys/kernel/hostname', display.pcName)),
  );
  await attempt('the network', () => here(options, 'network', () => applyNetwork(config.network)));
  void watchNetwork({
    signal: stopping.signal,
    onError: (message) => log.error(`the network cannot be watched: ${message}`),
    onChange: (network) => {
      runtime.networkIs(network);
      if (network.kind === 'up') void status.reached('network-ready');
    },
  });
}

async function stop({ runtime, shell, page, host, stopping }: Parts, signal: NodeJS.Signals): Promise<never> {
  log.info({ signal }, 'stopping');
  stopping.abort();
  await runtime.stop();
  await host?.close();
  await Promise.all([shell.stop(), page.stop()]);
  process.exit(0);
}

/** Does something to this machine, unless it is only a developer's. */
async function here({ dryRun }: Options, what: string, act: () => Promise<unknown>): Promise<void> {
  if (dryRun) log.info(`not done here: ${what}`);
  else await act();
}

async function attempt(what: string, work: () => Promise<void>): Promise<void> {
  await work().catch((error) => log.error(`${what}: ${messageOf(error)}`));
}

async function groupId(name: string): Promise<number | undefined> {
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const id = new RegExp(`^${name}:[^:]*:(\\d+):`, 'm').exec(groups)?.[1];
  return id === undefined ? undefined : Number(id);
}

function fail(error: unknown): never {
  log.fatal(describeError(error));
  process.exit(1);
}

await main().catch(fail);
