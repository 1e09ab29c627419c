/**
 * The port in Linux: a character device that is opened non-blocking and asked again and again. Node has no events for such
 * devices, and a read that blocks would keep a thread, and the process at its end, for as long as the host is silent.
 * Asking costs some microseconds: ten times a second while the two are talking, less when they are not.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { messageOf } from '#common/errors.ts';
import { FRAMES_WAITING, type GuestPort, type PortEvents, type PortState, REOPEN_MS } from './guest-port.ts';

const POLL_MS = 100;
/** When nothing was said for {@link TALK_MS}, ms. */
const POLL_QUIET_MS = 400;
const TALK_MS = 3_000;
/** While nobody is at the other end, ms. */
const POLL_AWAY_MS = 500;
const CHUNK = 16 * 1024;
/** Chunks that are read in a row, so that a host that never stops does not stop us. */
const CHUNKS_AT_ONCE = 16;

export class PolledPort implements GuestPort {
  readonly #path: string;
  readonly #buffer = Buffer.allocUnsafe(CHUNK);
  #events: PortEvents | undefined;
  #fd: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiting: Uint8Array[] = [];
  #state: PortState['kind'] | undefined;
  /** When bytes last went either way, ms of `performance.now()`. */
  #talkedAt = 0;

  constructor(path: string) {
    this.#path = path;
  }

  start(events: PortEvents): void {
    this.#events = events;
    this.#turn();
  }

  write(frame: Uint8Array): void {
    this.#waiting.push(frame);
    if (this.#waiting.length > FRAMES_WAITING) this.#waiting.shift();
    if (this.#fd !== undefined && this.#state === 'open') this.#send(this.#fd);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#events = undefined;
    this.#shut();
  }

  #turn(): void {
    const wait = this.#work();
    if (this.#events) this.#timer = setTimeout(() => this.#turn(), wait);
  }

  /** One turn: opens what is closed, sends, reads. Returns ms until the next. */
  #work(): number {
    try {
      this.#fd ??= openSync(this.#path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
    } catch (error) {
      this.#say(isCode(error, 'ENOENT', 'ENODEV', 'ENXIO') ? { kind: 'missing' } : refused(error));
      return REOPEN_MS;
    }
    try {
      return this.#exchange(this.#fd);
    } catch (error) {
      // the device went (unplugged, or the machine now runs without it)
      this.#shut();
      this.#say(isCode(error, 'EIO', 'ENODEV', 'ENXIO', 'EPIPE') ? { kind: 'away' } : refused(error));
      return REOPEN_MS;
    }
  }

  #exchange(fd: number): number {
    for (let i = 0; i < CHUNKS_AT_ONCE; i++) {
      const got = read(fd, this.#buffer);
      // The kernel answers with an end of file as long as the host has nobody at the port.
      if (got === 0) {
        this.#say({ kind: 'away' });
        this.#waiting = [];
        return POLL_AWAY_MS;
      }
      this.#say({ kind: 'open' });
      if (got === undefined) break;
      this.#talkedAt = performance.now();
      this.#events?.onBytes(Uint8Array.from(this.#buffer.subarray(0, got)));
    }
    this.#send(fd);
    return performance.now() - this.#talkedAt < TALK_MS ? POLL_MS : POLL_QUIET_MS;
  }

  #send(fd: number): void {
    for (;;) {
      const [frame] = this.#waiting;
      if (frame === undefined) return;
      const sent = write(fd, frame);
      if (sent === undefined) return;
      if (sent < frame.length) {
        this.#waiting[0] = frame.subarray(sent);
        return;
      }
      this.#waiting.shift();
    }
  }

  #shut(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#waiting = [];
  }

  #say(state: PortState): void {
    if (state.kind === this.#state) return;
    this.#state = state.kind;
    this.#events?.onState(state);
  }
}

/** Bytes read; 0: nobody there; undefined: nothing to read now. */
function read(fd: number, buffer: Buffer): number | undefined {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if (isCode(error, 'EAGAIN')) return undefined;
    throw error;
  }
}

/** Bytes written; undefined: not now. */
function write(fd: number, bytes: Uint8Array): number | undefined {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if (isCode(error, 'EAGAIN')) return undefined;
    throw error;
  }
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

function refused(error: unknown): PortState {
  return { kind: 'refused', reason: messageOf(error) };
}
