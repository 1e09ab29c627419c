/** The service: holds the conversation with the host, and tells everybody in the desktop who asks. */
import type { Wish } from '#common/protocol/host-guest.ts';
import type { View } from './control/protocol.ts';
import { ControlServer } from './control/server.ts';
import { HostLink } from './host-link.ts';
import type { GuestPort } from './port/guest-port.ts';

export interface ServiceOptions {
  port: GuestPort;
  /** Path of the local socket. */
  control: string;
  version: string;
  log(line: string): void;
}

export class AgentService {
  readonly #link: HostLink;
  readonly #control: ControlServer;
  readonly #version: string;

  constructor({ port, control, version, log }: ServiceOptions) {
    this.#version = version;
    this.#link = new HostLink({
      port,
      version,
      system: process.platform,
      log,
      onChange: () => this.#control.publish(),
    });
    this.#control = new ControlServer({
      path: control,
      view: () => this.view(),
      onWish: (wish: Wish) => this.#link.wish(wish),
    });
  }

  view(): View {
    const { state, status } = this.#link;
    return { version: this.#version, host: state, ...(status && { status }) };
  }

  async start(): Promise<void> {
    await this.#control.start();
    this.#link.start();
  }

  async stop(): Promise<void> {
    this.#link.stop();
    await this.#control.stop();
  }
}
