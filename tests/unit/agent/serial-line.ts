/**
 * A serial line as QEMU makes one: at the host's end a UNIX socket that takes one client, at the guest's end a port. What is
 * written while nobody is at the other end is lost; the guest notices when the host comes and goes.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestPort, PortEvents } from '../../../guest-agent/port/guest-port.ts';

export class SerialLine implements GuestPort {
  /** The socket for the host. */
  readonly socket: string;
  readonly folder: string;
  #server: Server | undefined;
  #host: Socket | undefined;
  #events: PortEvents | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.socket = join(folder, 'agent.sock');
  }

  static async make(t: { teardown(fn: () => unknown): void }): Promise<SerialLine> {
    const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
    const line = new SerialLine(folder);
    t.teardown(async () => {
      line.close();
      await line.powerOff();
      await rm(folder, { recursive: true, force: true });
    });
    return line;
  }

  /** QEMU is there: the socket listens. */
  async powerOn(): Promise<void> {
    this.#server = createServer((socket) => {
      this.#host = socket;
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => this.#events?.onBytes(bytes));
      socket.on('close', () => {
        this.#host = undefined;
        this.#events?.onState({ kind: 'away' });
      });
      this.#events?.onState({ kind: 'open' });
    }).listen(this.socket);
    await once(this.#server, 'listening');
  }

  /** QEMU is gone, as for the guest when it has moved to another host. */
  async powerOff(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#host?.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  start(events: PortEvents): void {
    this.#events = events;
    events.onState({ kind: this.#host ? 'open' : 'away' });
  }

  write(frame: Uint8Array): void {
    this.#host?.write(frame);
  }

  close(): void {
    this.#events = undefined;
  }
}
