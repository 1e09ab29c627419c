import { UserError } from '#common/errors.ts';

export const DEFAULT_PORT = 443;

/** Where a server is. `host` has no brackets, also for IPv6. */
export interface ServerAddress {
  host: string;
  port: number;
}

/**
 * Reads `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`, as in flexdeploy.json and `--server`.
 * @throws UserError when it is none of them
 */
export function parseServerAddress(text: string): ServerAddress {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?))(?::([0-9]{1,5}))?$/.exec(
    text,
  );
  const host = found?.[1] ?? found?.[2];
  const port = found?.[3] === undefined ? DEFAULT_PORT : Number(found[3]);
  if (host === undefined || port < 1 || port > 65535) {
    throw new UserError(`"${text}" is not a server address`, {
      hint: 'Write a name or an address, and :PORT if it is not 443: server.example.org, 192.168.1.20:8443, [fd00::1].',
    });
  }
  return { host, port };
}

/** The shortest text that {@link parseServerAddress} reads back. */
export function formatServerAddress({ host, port }: ServerAddress): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === DEFAULT_PORT ? name : `${name}:${port}`;
}
