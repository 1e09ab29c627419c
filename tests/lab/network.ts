import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';

/** The machine that runs the lab, as every guest behind QEMU's user-mode NAT sees it. */
export const HOST_SEEN_BY_GUESTS = '10.0.2.2';

/** The same in a network that is not QEMU's own: `192.168.77.0/24` -> `192.168.77.2`. */
export function hostSeenIn(network: string): string {
  return network.replace(/\.0\/\d+$/, '.2');
}

/** A port of 127.0.0.1 that nothing listens on. */
export async function freeTcpPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (!address || typeof address === 'string') throw new UserError('The system gives no free TCP port.');
  return address.port;
}

export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject).bind(0, '127.0.0.1', () => resolve());
  });
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

/** Room, in bytes, for datagrams that wait for QEMU: the kernel's own 208 KiB is full after 90 of them. */
const RECEIVE_BUFFER = 8 * 1024 ** 2;
const RECEIVE_DEFAULT = '/proc/sys/net/core/rmem_default';

/** File in a lab's folder with the default of before, so that whoever sweeps up after a killed lab can put it back. */
const RECEIVE_BEFORE = 'receive-buffers-before';

/**
 * QEMU's NAT takes one datagram from the host at each turn of its loop. TCP in the tunnel comes in bursts that the
 * kernel's usual buffers do not hold, and each loss slows it down (docs/decisions.md). Gives sockets that are made from
 * now on more room, on this whole machine, until `putReceiveBuffersBack`; only root can, and without it everything still
 * works, slower.
 * @param folder of the lab
 */
export function widenReceiveBuffers(folder: string): void {
  const before = receiveDefault();
  if (before === undefined || Number(before) >= RECEIVE_BUFFER) return;
  writeFileSync(join(folder, RECEIVE_BEFORE), before);
  try {
    writeFileSync(RECEIVE_DEFAULT, String(RECEIVE_BUFFER));
  } catch {
    // not root
  }
}

/**
 * @param folder of the lab that widened them; where it did not, or where they were changed since, nothing happens
 */
export function putReceiveBuffersBack(folder: string): void {
  try {
    const before = readFileSync(join(folder, RECEIVE_BEFORE), 'utf8');
    if (Number(receiveDefault()) === RECEIVE_BUFFER) writeFileSync(RECEIVE_DEFAULT, before);
  } catch {
    // never widened, or not ours to change
  }
}

/** Bytes, as the kernel says it; undefined in a container that does not show it. */
export function receiveDefault(): string | undefined {
  try {
    return readFileSync(RECEIVE_DEFAULT, 'utf8');
  } catch {
    return undefined;
  }
}
