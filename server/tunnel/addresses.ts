/** Addresses inside the tunnel: which one the next PC gets. Pure. */

/** The server's own address; desktops' screens listen on it. */
export const SERVER_ADDRESS = '10.86.0.1';
export const TUNNEL_PREFIX = 16;
export const TUNNEL_NETWORK = `10.86.0.0/${TUNNEL_PREFIX}`;

/** Host parts 2 … 65534 of 10.86.0.0/16: 0 is the network, 1 the server, 65535 broadcast. */
const FIRST = 2;
const LAST = 65534;

/**
 * The next free address after `last` (the one given before), so that an address rests as long as possible before
 * another PC gets it. Undefined when all are taken.
 */
export function nextAddress(taken: ReadonlySet<string>, last: string | undefined): string | undefined {
  const start = last === undefined ? FIRST : hostPart(last) + 1;
  const count = LAST - FIRST + 1;
  for (let i = 0; i < count; i++) {
    const address = addressOf(FIRST + ((start - FIRST + i) % count));
    if (!taken.has(address)) return address;
  }
  return undefined;
}

/** Whether it is an address that a PC may have. */
export function isPcAddress(address: string): boolean {
  if (!/^10\.86\.\d{1,3}\.\d{1,3}$/.test(address)) return false;
  const part = hostPart(address);
  return part >= FIRST && part <= LAST && addressOf(part) === address;
}

function hostPart(address: string): number {
  const [, , high = '0', low = '0'] = address.split('.');
  return Number(high) * 256 + Number(low);
}

function addressOf(part: number): string {
  return `10.86.${part >> 8}.${part & 255}`;
}
