/** The network configuration of flexdeploy.json as a file for systemd-networkd (which tells resolved the DNS servers). */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import type { BootConfig } from '#common/protocol/config.ts';
import { run } from '#common/run.ts';

export const NETWORK_FILE = '/run/systemd/network/10-flexdeploy.network';

/**
 * The file, or undefined when the image's own one (DHCP on every card) is right.
 * @throws UserError for values that the format cannot hold (parseBootConfig lets none through)
 */
export function renderNetwork(network: BootConfig['network']): string | undefined {
  if (network?.mode !== 'static') return undefined;
  const lines = [
    '# From flexdeploy.json.',
    '[Match]',
    'Type=ether',
    'Kind=!*',
    '',
    '[Network]',
    'DHCP=no',
    'LinkLocalAddressing=ipv6',
    'IPv6AcceptRA=no',
    `Address=${plain(network.address)}`,
    ...(network.gateway === undefined ? [] : [`Gateway=${plain(network.gateway)}`]),
    ...(network.dns ?? []).map((server) => `DNS=${plain(server)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function plain(value: string): string {
  if (!/^[0-9./]+$/.test(value)) throw new UserError(`not an address: ${value}`);
  return value;
}

/** Puts the configuration in force; does nothing when it is already. */
export async function applyNetwork(network: BootConfig['network'], file = NETWORK_FILE): Promise<void> {
  const text = renderNetwork(network);
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before === text) return;
  await mkdir(dirname(file), { recursive: true });
  if (text === undefined) await rm(file, { force: true });
  else await writeFileDurably(file, text);
  // systemctl talks to PID 1 directly; networkctl would need a D-Bus daemon, which the image does not have
  await run(['systemctl', 'restart', '--no-block', 'systemd-networkd.service']);
}
