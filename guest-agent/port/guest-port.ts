/** The guest's end of the serial port, as the rest of the agent sees it: bytes, and whether there is a port at all. */

export type PortState =
  /** No such device: not a FlexDeploy desktop, the driver is missing, or the machine runs natively. */
  | { kind: 'missing' }
  /** The device is there and cannot be opened. */
  | { kind: 'refused'; reason: string }
  /** Open, and nobody is at the other end. */
  | { kind: 'away' }
  | { kind: 'open' };

export interface PortEvents {
  onBytes(bytes: Uint8Array): void;
  onState(state: PortState): void;
}

export interface GuestPort {
  start(events: PortEvents): void;
  /** Sends a frame as soon as the other end takes it. Frames that nobody takes are dropped, the oldest first. */
  write(frame: Uint8Array): void;
  close(): void;
}

/** Frames that may wait for a host that does not read. */
export const FRAMES_WAITING = 16;

/** Between two attempts to open the device, ms. */
export const REOPEN_MS = 2000;
