/** The shell's end of the UNIX socket to the runtime: one JSON object a line, both ways. */
import Gio from 'gi://Gio?version=2.0';
import GLib from 'gi://GLib?version=2.0';
import { LineLink } from '#common/gjs/line-link.ts';
import type { ShellCommand, ShellEvent } from '../kiosk/protocol.ts';
import { log } from './log.ts';

const RETRY_MS = 500;

export interface RuntimeLinkOptions {
  /** Path of the socket. */
  path: string;
  onCommand(command: ShellCommand): void;
  onConnected(): void;
  /** The runtime has gone; the link is being tried again. */
  onLost(): void;
}

export class RuntimeLink {
  readonly #options: RuntimeLinkOptions;
  readonly #link: LineLink;

  constructor(options: RuntimeLinkOptions) {
    this.#options = options;
    this.#link = new LineLink({
      gio: Gio,
      glib: GLib,
      path: options.path,
      retryMs: RETRY_MS,
      onConnected: () => options.onConnected(),
      onLine: (line) => this.#handle(line),
      onAbsent: () => {}, // the runtime is not up yet
      onEnded: (error) => {
        if (error !== undefined) log(`reading from the runtime failed: ${error}`);
        options.onLost();
      },
    });
  }

  start(): void {
    this.#link.start();
  }

  /** Tells the runtime; dropped when there is none (it asks again for everything when it is back). */
  send(event: ShellEvent): void {
    try {
      this.#link.send(event);
    } catch (error) {
      log(`the runtime does not listen: ${error}`);
    }
  }

  #handle(line: string): void {
    try {
      this.#options.onCommand(JSON.parse(line) as ShellCommand); // the runtime is root and checks what it sends
    } catch {
      log('a command was not understood'); // without the line: it may hold a ticket
    }
  }
}
