/**
 * The port in Windows. Node opens devices without overlapped I/O: Windows then does one thing at a time on the handle, and a
 * read that waits would keep every write waiting. So the two ends take turns: we write what there is and a question
 * that the host always answers (`ping`), and read the answer. What the host says unasked comes with the next answer, a
 * second later at most. Works on any device; no driver beyond virtio-win's vioserial, no native code.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFrame } from '#common/agent/framing.ts';
import { messageOf } from '#common/errors.ts';
import type { GuestMessage } from '#common/protocol/host-guest.ts';
import { FRAMES_WAITING, type GuestPort, type PortEvents, type PortState, REOPEN_MS } from './guest-port.ts';

/** Between two turns, ms. The host takes ten messages a second. */
const TURN_MS = 1000;
/** More than a frame: a turn reads all that has come. */
const CHUNK = 128 * 1024;

const QUESTION = encodeFrame({ type: 'ping' } satisfies GuestMessage);

export class TurnPort implements GuestPort {
  readonly #path: string;
  #events: PortEvents | undefined;
  #waiting: Uint8Array[] = [];
  #wake: AbortController | undefined;
  #state: PortState['kind'] | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  start(events: PortEvents): void {
    this.#events = events;
    void this.#run();
  }

  write(frame: Uint8Array): void {
    this.#waiting.push(frame);
    if (this.#waiting.length > FRAMES_WAITING) this.#waiting.shift();
    this.#wake?.abort();
  }

  /** A read that waits goes on until the host says something, or the process ends. */
  close(): void {
    this.#events = undefined;
    this.#wake?.abort();
  }

  async #run(): Promise<void> {
    while (this.#events) {
      let file: FileHandle;
      try {
        file = await open(this.#path, 'r+');
      } catch (error) {
        const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
        this.#say(missing ? { kind: 'missing' } : { kind: 'refused', reason: messageOf(error) });
        await this.#rest(REOPEN_MS);
        continue;
      }
      try {
        this.#say({ kind: 'open' });
        await this.#turns(file);
      } catch {
        this.#say({ kind: 'away' }); // the driver ends what waits when the host leaves
      }
      await file.close().catch(() => {});
      this.#waiting = [];
      await this.#rest(REOPEN_MS);
    }
  }

  async #turns(file: FileHandle): Promise<void> {
    const buffer = Buffer.allocUnsafe(CHUNK);
    while (this.#events) {
      const bytes = Buffer.concat([...this.#waiting.splice(0), QUESTION]);
      for (let sent = 0; sent < bytes.length; )
        sent += (await file.write(bytes, sent, bytes.length - sent, null)).bytesWritten;
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) throw new Error('nobody at the port');
      this.#events?.onBytes(Uint8Array.from(buffer.subarray(0, bytesRead)));
      await this.#rest(TURN_MS);
    }
  }

  /** Waits, or less: until there is something to send. */
  async #rest(ms: number): Promise<void> {
    if (!this.#events || this.#waiting.length > 0) return;
    this.#wake = new AbortController();
    await sleep(ms, undefined, { signal: this.#wake.signal }).catch(() => {});
    this.#wake = undefined;
  }

  #say(state: PortState): void {
    if (state.kind === this.#state) return;
    this.#state = state.kind;
    this.#events?.onState(state);
  }
}
