/** One connection to a desktop by SPICE, from opening to its end, which is told exactly once. */
import type GdkPixbuf from 'gi://GdkPixbuf?version=2.0';
import GLib from 'gi://GLib?version=2.0';
import GObject from 'gi://GObject?version=2.0';
import Spice from 'gi://SpiceClientGLib?version=2.0';
import SpiceGtk from 'gi://SpiceClientGtk?version=3.0';
import type { ShellEvent } from '../kiosk/protocol.ts';
import { isDark, type Pixels } from './darkness.ts';
import { log } from './log.ts';

export type CloseReason = Extract<ShellEvent, { event: 'viewerClosed' }>['reason'];

export interface ViewerOptions {
  host: string;
  port: number;
  /** The one-time ticket; only ever a property of the session, never in argv, a file or a log. */
  password: string;
  /** The widget to show. It is there before it has a picture. */
  onDisplay(display: SpiceGtk.Display): void;
  onConnected(): void;
  /** The desktop has just been seen elsewhere: its picture counts even if it is dark. */
  follows: boolean;
  /**
   * The desktop's picture has arrived, or has changed between dark (it shows nothing, as while it starts) and not. The
   * page is the better thing to look at while it is dark.
   */
  onPicture(dark: boolean): void;
  /** `last`: what was on the screen. */
  onClosed(reason: CloseReason, detail: string | undefined, last: GdkPixbuf.Pixbuf | null): void;
}

/** A picture that stays silent after it is ready counts as arrived after this long. */
const QUIET_PICTURE_MS = 500;
/** A dark picture, and one of a new size, is looked at again after this long. */
const LOOK_AGAIN_MS = 250;
/** After a picture has been there for so long, the desktop has started: if it goes dark then, it wants to be dark. */
const STARTED_MS = 120_000;
/** Text mode of a PC's firmware: the desktop starts anew. */
const FIRMWARE_TEXT = { width: 720, height: 400 } as const;
/** Between showing the picture and asking the desktop for the window's size: GTK has laid the widget out by then. */
const LAYOUT_MS = 500;
/** The kernel alone would try for two minutes. */
const CONNECT_MS = 15_000;

/** Without any of these there is no desktop to use; without the others it has no sound, say. */
const NEEDED = [Spice.MainChannel, Spice.DisplayChannel, Spice.InputsChannel];

// Linux: tcp(7). A cut cable sends no goodbye; with these the kernel gives up a dead connection after about 15 s.
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;

export class Viewer {
  readonly #options: ViewerOptions;
  readonly #session: Spice.Session;
  readonly #handlers: [object: object, id: number][] = [];
  #state: 'connecting' | 'connected' | 'dark' | 'shown' | 'closed' = 'connecting';
  #display: SpiceGtk.Display | undefined;
  /** Darkness is covered: the desktop is starting, and the person has not touched it. */
  #covers: boolean;
  #brightSince = 0;
  #lookTimer = 0;
  #connectTimer = 0;
  #sizeTimer = 0;

  constructor(options: ViewerOptions) {
    this.#options = options;
    this.#covers = !options.follows;
    this.#session = new Spice.Session({
      host: options.host,
      port: String(options.port),
      password: options.password,
      enable_audio: true,
      enable_usbredir: true,
      enable_smartcard: false,
    });
    const integration = SpiceGtk.GtkSession.get(this.#session);
    // The kiosk has nothing to share, and what one person copied must not reach the next one.
    integration.auto_clipboard = false;
    integration.auto_usbredir = true;
    this.#on(this.#session, 'channel-new', (_: never, channel: Spice.Channel) => this.#channel(channel));
    this.#on(this.#session, 'disconnected', () => this.#end('disconnected'));
  }

  /** Starts the connection. Everything that happens from now on is told through the options. */
  start(): void {
    try {
      Spice.Audio.get(this.#session, null);
    } catch (error) {
      log(`no sound: ${error}`);
    }
    this.#connectTimer = GLib.timeout_add(GLib.PRIORITY_DEFAULT, CONNECT_MS, () => {
      this.#connectTimer = 0;
      if (this.#state === 'connecting') this.#end('unreachable', 'no answer in time');
      return GLib.SOURCE_REMOVE;
    });
    if (!this.#session.connect()) this.#end('unreachable', 'the connection could not be started');
  }

  /** Ends the connection without telling: the one who asks knows. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    if (this.#lookTimer) GLib.source_remove(this.#lookTimer);
    if (this.#connectTimer) GLib.source_remove(this.#connectTimer);
    if (this.#sizeTimer) GLib.source_remove(this.#sizeTimer);
    for (const [object, id] of this.#handlers) GObject.signal_handler_disconnect(object, id);
    this.#session.disconnect();
  }

  /** Shows the picture, dark as it may be. */
  reveal(): void {
    this.#covers = false;
    if (this.#state === 'dark') this.#tell('shown');
  }

  #on(object: object, signal: string, handler: (...args: never[]) => unknown): void {
    this.#handlers.push([object, GObject.signal_connect(object, signal, handler)]);
  }

  #channel(channel: Spice.Channel): void {
    this.#on(channel, 'channel-event', (_: never, event: number) => this.#event(channel, event));
    if (channel instanceof Spice.DisplayChannel && channel.channel_id === 0) this.#picture(channel);
  }

  #picture(channel: Spice.DisplayChannel): void {
    const display = SpiceGtk.Display.new(this.#session, channel.channel_id);
    this.#display = display;
    display.scaling = true;
    display.grab_keyboard = true;
    // spice-gtk 0.42 crashes when it grabs the pointer under a compositor without zwp_relative_pointer (cage). The
    // pointer is absolute as soon as the guest drives the tablet, and needs no grab then.
    display.grab_mouse = false;
    this.#on(display, 'notify::ready', () => this.#lookAfter(QUIET_PICTURE_MS));
    this.#on(channel, 'display-invalidate', () => {
      if (this.#state === 'connected') this.#look();
      else if (this.#state === 'dark') this.#lookAfter(LOOK_AGAIN_MS);
    });
    this.#on(channel, 'display-primary-create', (_: never, _format: number, width: number, height: number) => {
      if (width === FIRMWARE_TEXT.width && height === FIRMWARE_TEXT.height) this.#covers = true;
      this.#lookAfter(LOOK_AGAIN_MS);
    });
    for (const touch of ['key-press-event', 'button-press-event']) {
      this.#on(display, touch, () => {
        this.#covers = false;
        return false; // the desktop gets it
      });
    }
    this.#followSize(display);
    this.#options.onDisplay(display);
    channel.connect();
  }

  /**
   * The desktop's resolution follows the window, but only once the widget has the window's size: told the size of a
   * widget that is not laid out yet, the guest switches its only output off ("Display output is not active").
   */
  #followSize(display: SpiceGtk.Display): void {
    this.#on(display, 'map', () => {
      this.#sizeTimer = GLib.timeout_add(GLib.PRIORITY_DEFAULT, LAYOUT_MS, () => {
        this.#sizeTimer = 0;
        display.resize_guest = true;
        return GLib.SOURCE_REMOVE;
      });
    });
  }

  #lookAfter(milliseconds: number): void {
    if (this.#lookTimer || this.#state === 'closed') return;
    this.#lookTimer = GLib.timeout_add(GLib.PRIORITY_DEFAULT, milliseconds, () => {
      this.#lookTimer = 0;
      this.#look();
      return GLib.SOURCE_REMOVE;
    });
  }

  /** Looks at the picture, and tells when it came, went dark, or is there again. */
  #look(): void {
    const state = this.#state;
    if (!this.#display?.ready || state === 'closed' || state === 'connecting') return;
    if (state === 'shown' && Date.now() - this.#brightSince > STARTED_MS) this.#covers = false;
    const next = this.#covers && isDark(pixelsOf(this.#display)) ? 'dark' : 'shown';
    if (next !== state) this.#tell(next);
    if (next === 'dark') this.#lookAfter(LOOK_AGAIN_MS * 4); // not every change is told
  }

  #tell(state: 'dark' | 'shown'): void {
    this.#state = state;
    if (state === 'shown') this.#brightSince = Date.now();
    this.#options.onPicture(state === 'dark');
  }

  #event(channel: Spice.Channel, event: number): void {
    const E = Spice.ChannelEvent;
    if (event === E.OPENED) this.#opened(channel);
    if (!NEEDED.some((kind) => channel instanceof kind)) return;
    const detail = channel.get_error()?.message;
    if (event === E.ERROR_AUTH) this.#end('wrongTicket', detail);
    else if (event === E.ERROR_CONNECT) this.#end('unreachable', detail);
    else if (event === E.ERROR_LINK || event === E.ERROR_TLS || event === E.ERROR_IO || event === E.CLOSED) {
      this.#end(this.#state === 'connecting' ? 'unreachable' : 'disconnected', detail);
    }
  }

  #opened(channel: Spice.Channel): void {
    try {
      channel.socket?.set_keepalive(true);
      channel.socket?.set_option(IPPROTO_TCP, TCP_KEEPIDLE, 5);
      channel.socket?.set_option(IPPROTO_TCP, TCP_KEEPINTVL, 5);
      channel.socket?.set_option(IPPROTO_TCP, TCP_KEEPCNT, 2);
      channel.socket?.set_option(IPPROTO_TCP, TCP_USER_TIMEOUT, 15_000);
    } catch (error) {
      log(`a cut connection may be noticed late: ${error}`);
    }
    if (!(channel instanceof Spice.MainChannel) || this.#state !== 'connecting') return;
    this.#state = 'connected';
    this.#options.onConnected();
  }

  #end(reason: CloseReason, detail?: string): void {
    if (this.#state === 'closed') return;
    const last = this.#state === 'shown' ? (this.#display?.get_pixbuf() ?? null) : null;
    this.close();
    this.#options.onClosed(reason, detail, last);
  }
}

function pixelsOf(display: SpiceGtk.Display): Pixels {
  const picture = display.get_pixbuf();
  if (!picture) return { bytes: new Uint8Array(), width: 0, height: 0, rowstride: 0, channels: 3 };
  return {
    bytes: picture.get_pixels(),
    width: picture.width,
    height: picture.height,
    rowstride: picture.rowstride,
    channels: picture.n_channels,
  };
}
