/** Where things are. On a PC the defaults are right; tests and development give their own. */
import { parseArgs } from 'node:util';

export interface Options {
  configFile: string;
  pageFolder: string;
  shellSocket: string;
  port: number;
  /** Leave this machine's network, keyboard, tunnel and power alone (development): say what would be done. */
  dryRun: boolean;
}

export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', default: '/run/flexdeploy/flexdeploy.json' },
      page: { type: 'string', default: '/usr/share/flexdeploy/kiosk' },
      'shell-socket': { type: 'string', default: '/run/flexdeploy/shell.sock' },
      port: { type: 'string', default: '8080' },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  return {
    configFile: values.config,
    pageFolder: values.page,
    shellSocket: values['shell-socket'],
    port: Number(values.port),
    dryRun: values['dry-run'],
  };
}
