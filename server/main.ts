/** The server process: reads its settings from the environment, puts the two halves together, stops on a signal. */
import { pino } from 'pino';
import { describeError, UserError } from '#common/errors.ts';
import { VERSION } from '#common/version.ts';
import { openHosting } from './desktops/open.ts';
import type { HostingOptions } from './hosting.ts';
import { type RunningServer, startServer } from './server.ts';
import { statusLine } from './status-line.ts';

const {
  FLEXDEPLOY_STATE: stateFolder = '/var/lib/flexdeploy',
  FLEXDEPLOY_RUN: runtimeFolder = '/run/flexdeploy',
  FLEXDEPLOY_LISTEN: listenOn = '[::]:443',
  FLEXDEPLOY_LOG: level = 'info',
} = process.env;

async function main(): Promise<void> {
  const log = pino({ level, base: null });
  const { host, port } = parseListen(listenOn);
  const parts: HostingOptions = { stateFolder, runtimeFolder, apiPort: port, log: log.child({ part: 'hosting' }) };
  const hosting = await openHosting(parts);
  let server: RunningServer;
  try {
    server = await startServer({ stateFolder, runtimeFolder, host, port, version: VERSION, hosting, log });
  } catch (error) {
    await hosting.close();
    throw error;
  }
  log.info({ port: server.port, ca: server.caFingerprint, version: VERSION }, 'ready');
  statusLine(`server-ready port ${server.port} ca ${server.caFingerprint}`);
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping; desktops and tunnels stay');
    server
      .close()
      .then(() => hosting.close())
      .then(
        () => process.exit(0),
        (err) => {
          log.error({ err }, 'stopping');
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** `ADDRESS:PORT`, with brackets around IPv6; port 0 is any free one. */
function parseListen(text: string): { host: string; port: number } {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3]);
  if (host === undefined || port > 65535) {
    throw new UserError(`FLEXDEPLOY_LISTEN is "${text}"`, {
      hint: 'Write ADDRESS:PORT, such as 0.0.0.0:443 or [::]:443.',
    });
  }
  return { host, port };
}

main().catch((error) => {
  process.stderr.write(`${describeError(error)}\n`);
  statusLine('server-failed');
  process.exit(1);
});
