/** The QMP commands in use, typed. Each one parses its answer: what QEMU sends is checked here and trusted after. */
import { randomBytes } from 'node:crypto';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { UserError } from '#common/errors.ts';
import type { QmpConnection } from './connection.ts';
import type { QmpEvent } from './wire.ts';

const Status = Type.Object({ running: Type.Boolean(), status: Type.String() });
const SpiceInfo = Type.Object({
  enabled: Type.Boolean(),
  host: Type.Optional(Type.String()),
  port: Type.Optional(Type.Integer()),
  channels: Type.Optional(
    Type.Array(Type.Object({ host: Type.String(), 'channel-type': Type.Integer(), 'connection-id': Type.Integer() })),
  ),
});

/** Number of the main channel in the SPICE protocol (SPICE_CHANNEL_MAIN). A viewer has exactly one. */
export const SPICE_CHANNEL_MAIN = 1;

export interface SpiceChannel {
  /** The viewer's address. */
  host: string;
  type: number;
  /** The same for all channels of one viewer. */
  connection: number;
}

/** `running`, `paused`, `io-error`, `prelaunch`, … (QAPI RunState). */
export async function queryStatus(qmp: QmpConnection): Promise<string> {
  return parse(Status, await qmp.execute('query-status')).status;
}

/** Presses the power button: a guest with ACPI shuts down, in its own time. */
export async function pressPowerButton(qmp: QmpConnection): Promise<void> {
  await qmp.execute('system_powerdown');
}

/** Cuts the power. The connection ends. */
export async function quit(qmp: QmpConnection): Promise<void> {
  await qmp.execute('quit');
}

/** Goes on after a pause (a full disk, for one). */
export async function resume(qmp: QmpConnection): Promise<void> {
  await qmp.execute('cont');
}

/** A password for SPICE, in characters of URLs; QEMU takes at most 60 (`SPICE_MAX_PASSWORD_LENGTH`). */
function randomPassword(): string {
  return randomBytes(24).toString('base64url');
}

/**
 * Lets viewers in for the next `seconds` seconds with the password that is returned. Call {@link revokeTicket} once before
 * the first ticket: QEMU's default is "never expires", so a password set before its time limit could stay for ever if we died
 * between the two commands. After `expire_password now` the order is safe: the password counts only with a time limit.
 * Viewers that are connected stay.
 */
export async function allowTicket(qmp: QmpConnection, seconds: number): Promise<string> {
  const password = randomPassword();
  await qmp.execute('set_password', { protocol: 'spice', password, connected: 'keep' });
  await limitTicket(qmp, seconds);
  return password;
}

/** The password that is set counts for `seconds` more seconds. */
export async function limitTicket(qmp: QmpConnection, seconds: number): Promise<void> {
  await qmp.execute('expire_password', { protocol: 'spice', time: `+${seconds}` });
}

/** From now on nobody new gets in. Viewers that are connected stay. */
export async function revokeTicket(qmp: QmpConnection): Promise<void> {
  await qmp.execute('expire_password', { protocol: 'spice', time: 'now' });
}

/** Throws out every viewer; the new password is given to nobody. */
export async function disconnectViewers(qmp: QmpConnection): Promise<void> {
  await revokeTicket(qmp);
  await qmp.execute('set_password', { protocol: 'spice', password: randomPassword(), connected: 'disconnect' });
}

/** Where SPICE listens, and who is connected to it. */
export async function querySpice(
  qmp: QmpConnection,
): Promise<{ host: string; port: number; channels: SpiceChannel[] } | undefined> {
  const info = parse(SpiceInfo, await qmp.execute('query-spice'));
  if (!info.enabled || info.port === undefined) return undefined;
  const channels = (info.channels ?? []).map((c) => ({
    host: c.host,
    type: c['channel-type'],
    connection: c['connection-id'],
  }));
  return { host: info.host ?? '', port: info.port, channels };
}

/** The main channel of the viewer that an event says is in; undefined: the event says something else. */
export function mainChannelOf({ name, data }: QmpEvent): SpiceChannel | undefined {
  const client = data.client as Record<string, unknown> | undefined;
  if (name !== 'SPICE_INITIALIZED' || typeof client?.host !== 'string') return undefined;
  const type = Number(client['channel-type']);
  return type === SPICE_CHANNEL_MAIN
    ? { host: client.host, type, connection: Number(client['connection-id'] ?? 0) }
    : undefined;
}

function parse<T extends TSchema>(schema: T, value: unknown): Static<T> {
  if (!Value.Check(schema, value)) throw new UserError(`QEMU answered something unexpected: ${JSON.stringify(value)}`);
  return value as Static<T>;
}
