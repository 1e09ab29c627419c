/** The port of the agent in the desktop that runs on this PC: what it shows, and what it may ask the server for. */
import { AgentPort } from '#common/agent/port.ts';
import { agentStatus } from '#common/agent/status.ts';
import { UserError } from '#common/errors.ts';
import { LinkError } from '#common/http/pinned-client.ts';
import type { Desktop } from '#common/protocol/desktop.ts';
import type { AgentStatus, Wish } from '#common/protocol/host-guest.ts';
import type { HostedDesktop } from '#common/protocol/host-link.ts';
import { request } from './executors/copies.ts';
import type { CopyWish } from './facts.ts';
import type { Runtime } from './runtime.ts';

export class GuestPort {
  readonly #runtime: Runtime;
  readonly #log: (line: string) => void;
  #open: { socket: string; desktop: string; port: AgentPort } | undefined;

  constructor(runtime: Runtime, log: (line: string) => void) {
    this.#runtime = runtime;
    this.#log = log;
  }

  /** The socket of the desktop that runs here now; undefined: none does. */
  follow(socket: string | undefined, desktop: HostedDesktop | undefined): void {
    if (this.#open?.socket === socket && this.#open?.desktop === desktop?.id) {
      this.update();
      return;
    }
    this.#open?.port.close();
    this.#open = undefined;
    if (socket === undefined || desktop === undefined) return;
    const port = new AgentPort({
      socket,
      status: () => this.#status(desktop),
      onWish: (wish) => this.#grant(desktop.id, wish),
      log: this.#log,
    });
    this.#open = { socket, desktop: desktop.id, port };
  }

  /** Something that the agent shows may have changed. */
  update(): void {
    this.#open?.port.update();
  }

  #status(hosted: HostedDesktop): AgentStatus {
    const { facts, display } = this.#runtime;
    const { connected, since } = facts.here.link;
    const link = connected ? { connected } : { connected, since: new Date(since).toISOString() };
    const desktop = facts.session?.desktops?.find((d) => d.id === hosted.id);
    return agentStatus(desktop ?? { ...NOT_TOLD, ...hosted }, {
      place: 'pc',
      serverName: display.serverName ?? display.server ?? '',
      pc: { name: display.pcName, link },
    });
  }

  async #grant(id: string, wish: Wish): Promise<void> {
    const { client } = this.#runtime.outside;
    const { session } = this.#runtime.facts;
    if (!client || !session) throw new UserError('Nobody is logged in at this PC');
    try {
      this.#runtime.desktopIs(await request(client, toServer(id, wish)));
    } catch (cause) {
      if (cause instanceof LinkError) throw new UserError('The server cannot be reached', { cause });
      throw cause;
    }
  }
}

/** What nobody has told us of a desktop that runs here: our process was started again, and nobody has logged in since. */
const NOT_TOLD: Omit<Desktop, keyof HostedDesktop> = {
  image: 'unknown',
  createdAt: new Date(0).toISOString(),
  state: { kind: 'running', since: new Date(0).toISOString(), viewers: 0 },
};

function toServer(id: string, wish: Wish): CopyWish {
  switch (wish) {
    case 'pause':
      return { do: 'pauseCopy', id };
    case 'resume':
      return { do: 'resumeCopy', id };
    case 'moveHere':
      return { do: 'move', id, to: 'pc' };
    case 'moveToServer':
      return { do: 'move', id, to: 'server' };
    case 'cancelMove':
      return { do: 'cancelMove', id };
    case 'rebootNative':
      throw new UserError('This version cannot start a PC from its own disk yet');
  }
}
