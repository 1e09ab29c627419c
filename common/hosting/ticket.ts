/**
 * A ticket lets one viewer in, once. SPICE has no such thing: it knows one password, and a viewer opens about ten
 * connections (channels) with it, the first of which (main) makes it a viewer. So:
 *
 * - the password expires by itself {@link TICKET_SECONDS} after it was made;
 * - once the main channel of a viewer is in, the password stays for {@link GRACE_MS}, so that this viewer's other
 *   channels get in, and is then revoked; the viewer itself stays;
 * - a second main channel within that time can only be somebody who copied the ticket (and sits behind the same tunnel
 *   address): everybody is thrown out and the password revoked, because the first one was cut off by SPICE already.
 *
 * Pure: events in, what to do out.
 */

/**
 * Long enough to start a viewer over a slow line, short enough to be of no use to who finds it. Its main channel was in
 * after 29 s on an emulated PC that was starting the desktop itself.
 */
export const TICKET_SECONDS = 60;

/**
 * Milliseconds. A viewer opens its channels right after main, each with a few round trips and an RSA decryption:
 * measured 0.2 to 0.6 s a channel on a loaded test machine, and on emulated PCs that were starting a desktop themselves
 * 12 s for all of them, and once more than 33 (three were refused). Longer than needed does no harm, since a second viewer
 * within this time is noticed.
 */
export const GRACE_MS = 90_000;

export type Ticket =
  | { kind: 'none' }
  /** Made, not used. `expiresAt`: ms since the epoch. */
  | { kind: 'open'; peer: string; expiresAt: number }
  /** A viewer is in, with this connection id; its other channels may follow until `until`. */
  | { kind: 'used'; peer: string; connection: number; until: number };

export type TicketAction = 'none' | 'revokeAfterGrace' | 'throwOut';

/** A main channel was let in: by this ticket, or by something that must not be. */
export function mainConnected(
  ticket: Ticket,
  main: { host: string; connection: number },
  now: number,
): { ticket: Ticket; action: TicketAction } {
  switch (ticket.kind) {
    case 'open':
      if (main.host !== ticket.peer) return { ticket: { kind: 'none' }, action: 'throwOut' };
      return {
        ticket: { kind: 'used', peer: ticket.peer, connection: main.connection, until: now + GRACE_MS },
        action: 'revokeAfterGrace',
      };
    case 'used':
      if (main.connection === ticket.connection) return { ticket, action: 'none' };
      return { ticket: { kind: 'none' }, action: 'throwOut' };
    case 'none':
      return { ticket, action: 'throwOut' };
    default:
      return ticket satisfies never;
  }
}
