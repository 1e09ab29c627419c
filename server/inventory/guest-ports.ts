/** The agents in the desktops that run on this server: what they show, and what they may ask for. */
import type { Logger } from 'pino';
import { AgentPort } from '#common/agent/port.ts';
import { agentStatus } from '#common/agent/status.ts';
import { UserError } from '#common/errors.ts';
import type { Desktop } from '#common/protocol/desktop.ts';
import type { Wish } from '#common/protocol/host-guest.ts';
import type { Principal } from '../accounts/sessions.ts';
import type { Hosting } from '../hosting.ts';
import type { DesktopChange, Desktops } from './desktops.ts';

/** A wish comes from the desktop itself, so it is for this desktop only; what it may be is checked here, not by role. */
const DESKTOP_ITSELF: Principal = { kind: 'local', user: 'root', role: 'admin' };

export interface GuestPortsOptions {
  desktops: Desktops;
  hosting: Hosting;
  serverName: string;
  log: Logger;
}

export class GuestPorts {
  readonly #options: GuestPortsOptions;
  readonly #ports = new Map<string, { desktop: Desktop; port: AgentPort }>();
  #closed = false;

  constructor(options: GuestPortsOptions) {
    this.#options = options;
    options.desktops.onChange((change) => this.#changed(change));
  }

  /** After a restart: the desktops that run already. */
  async recover(): Promise<void> {
    for (const desktop of await this.#options.desktops.list(DESKTOP_ITSELF)) this.#follow(desktop);
  }

  close(): void {
    this.#closed = true;
    for (const { port } of this.#ports.values()) port.close();
    this.#ports.clear();
  }

  #changed(change: DesktopChange): void {
    if (change.kind === 'changed') this.#follow(change.desktop);
    else this.#leave(change.id);
  }

  #follow(desktop: Desktop): void {
    const { id, holder, state } = desktop;
    const here = !holder && (state.kind === 'running' || state.kind === 'stopping');
    if (!here || this.#closed) {
      this.#leave(id);
      return;
    }
    const open = this.#ports.get(id);
    if (open) {
      open.desktop = desktop;
      open.port.update();
      return;
    }
    const entry = { desktop } as { desktop: Desktop; port: AgentPort };
    const { hosting, serverName, log } = this.#options;
    entry.port = new AgentPort({
      socket: hosting.agentSocket(id),
      status: () => agentStatus(entry.desktop, { place: 'server', serverName }),
      onWish: (wish) => this.#grant(id, wish),
      log: (line) => log.info({ desktop: id }, line),
    });
    this.#ports.set(id, entry);
  }

  #leave(id: string): void {
    this.#ports.get(id)?.port.close();
    this.#ports.delete(id);
  }

  async #grant(id: string, wish: Wish): Promise<void> {
    const { desktops } = this.#options;
    switch (wish) {
      case 'pause':
      case 'resume':
        await desktops.changeAttachment(DESKTOP_ITSELF, id, { paused: wish === 'pause' });
        return;
      case 'moveHere':
        await desktops.move(DESKTOP_ITSELF, id, { to: 'pc' });
        return;
      case 'moveToServer':
        await desktops.move(DESKTOP_ITSELF, id, { to: 'server' });
        return;
      case 'cancelMove':
        await desktops.cancelMove(DESKTOP_ITSELF, id);
        return;
      case 'rebootNative':
        throw new UserError('This version cannot start a PC from its own disk yet');
      default:
        wish satisfies never;
    }
  }
}
