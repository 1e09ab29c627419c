import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { UserError } from '#common/errors.ts';
import type { HostingOptions } from '../hosting.ts';
import { TUNNEL_MTU } from '../tunnel/tunnels.ts';
import { ServerHosting } from './hosting.ts';

/** What an administrator may set in /etc/flexdeploy/server.json. Every key is optional. */
const ServerSettings = Type.Object(
  {
    dataDisk: Type.Optional(Type.String({ minLength: 1, description: 'serial number or WWN of the data disk' })),
    tunnelPort: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'UDP; 51820 unless given' })),
    tunnelMtu: Type.Optional(
      Type.Integer({ minimum: 576, maximum: 9000, description: `bytes inside the tunnel; ${TUNNEL_MTU} unless given` }),
    ),
    openTcpPorts: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 65535 }), { description: 'beside the API: 22 for SSH' }),
    ),
  },
  { additionalProperties: false },
);
type ServerSettings = Static<typeof ServerSettings>;

const SETTINGS_FILE = '/etc/flexdeploy/server.json';

/** Whoever starts the appliance as a virtual machine may hand the same JSON in as a systemd credential of this name. */
const SETTINGS_CREDENTIAL = 'flexdeploy.server.json';

/** UDP port that WireGuard uses unless the settings say something else. */
const TUNNEL_PORT = 51820;

/** The server's own Hosting: real disks, machines, tunnels and firewall of the machine it runs on. Needs root. */
export async function openHosting(options: HostingOptions): Promise<ServerHosting> {
  const settings = await readSettings();
  return await ServerHosting.create({
    folders: { state: options.stateFolder, run: options.runtimeFolder },
    log: options.log,
    tunnelPort: (await givenTunnelPort()) ?? settings.tunnelPort ?? TUNNEL_PORT,
    tunnelMtu: settings.tunnelMtu ?? TUNNEL_MTU,
    openTcpPorts: [options.apiPort ?? 443, ...(settings.openTcpPorts ?? [])],
    ...(settings.dataDisk !== undefined && { dataDisk: settings.dataDisk }),
  });
}

/**
 * The port that whoever started this machine chose: the systemd credential `flexdeploy.tunnel-port` (a virtual machine
 * gets it by SMBIOS), or the environment. PCs are told the same number, so it has to be the one a NAT forwards.
 */
async function givenTunnelPort(): Promise<number | undefined> {
  const folder = process.env.CREDENTIALS_DIRECTORY;
  const credential = folder ? await readFile(join(folder, 'flexdeploy.tunnel-port'), 'utf8').catch(() => '') : '';
  const text = credential.trim() || process.env.FLEXDEPLOY_TUNNEL_PORT || '';
  if (text === '') return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return port;
  throw new UserError(`not a UDP port for the tunnel: ${text}`, {
    hint: 'See the credential flexdeploy.tunnel-port and FLEXDEPLOY_TUNNEL_PORT.',
  });
}

/** The settings from the credential, or from the file where there is none. */
async function readSettings(): Promise<ServerSettings> {
  const folder = process.env.CREDENTIALS_DIRECTORY;
  for (const place of [...(folder ? [join(folder, SETTINGS_CREDENTIAL)] : []), SETTINGS_FILE]) {
    try {
      return parseSettings(await readFile(place, 'utf8'), place);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return {};
}

/** @throws UserError that names the key that is wrong */
export function parseSettings(text: string, place: string): ServerSettings {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${place} is not JSON`, { cause });
  }
  if (Value.Check(ServerSettings, value)) return value;
  const [problem] = Value.Errors(ServerSettings, value);
  throw new UserError(`${place}: ${problem?.instancePath ?? ''} ${problem?.message ?? 'is not valid'}`, {
    hint: 'Allowed: dataDisk (text), tunnelPort and tunnelMtu (numbers), openTcpPorts (list of numbers).',
  });
}
