/**
 * The few parts of GTK 3, WebKitGTK, spice-gtk and GLib that the shell uses, as gjs presents them.
 * (Complete type packages exist; they are many times the size of the shell.)
 */
// biome-ignore-all lint/style/noDefaultExport: gi:// modules have nothing but a default export
declare module 'gi://GLib?version=2.0' {
  import type { TimerGLib } from '#common/gjs/line-link.ts';

  const GLib: TimerGLib & {
    source_remove(id: number): boolean;
    getenv(name: string): string | null;
    log_structured(domain: string, level: number, fields: Record<string, unknown>): void;
    LogLevelFlags: { LEVEL_WARNING: number; LEVEL_MESSAGE: number };
  };
  export default GLib;
}

declare module 'gi://GObject?version=2.0' {
  const GObject: {
    /** For objects whose own `connect` method hides the one for signals (SpiceSession, SpiceChannel). */
    signal_connect(object: object, signal: string, handler: (...args: never[]) => unknown): number;
    signal_handler_disconnect(object: object, id: number): void;
  };
  export default GObject;
}

declare module 'gi://Gio?version=2.0' {
  import type { SocketGio } from '#common/gjs/line-link.ts';

  const Gio: SocketGio;
  namespace Gio {
    interface Socket {
      set_keepalive(on: boolean): void;
      set_option(level: number, option: number, value: number): boolean;
    }
  }
  export default Gio;
}

declare module 'gi://Gdk?version=3.0' {
  const Gdk: {
    KEY_Home: number;
    ModifierType: { CONTROL_MASK: number; MOD1_MASK: number };
    EVENT_STOP: boolean;
    EVENT_PROPAGATE: boolean;
    cairo_set_source_pixbuf(context: object, picture: object, x: number, y: number): void;
    Screen: { get_default(): object };
    RGBA: new (properties: { red: number; green: number; blue: number; alpha: number }) => object;
  };
  export default Gdk;
}

declare module 'gi://GdkPixbuf?version=2.0' {
  namespace GdkPixbuf {
    class Pixbuf {
      readonly width: number;
      readonly height: number;
      readonly rowstride: number;
      readonly n_channels: number;
      get_pixels(): Uint8Array;
    }
  }
  export default GdkPixbuf;
}

declare module 'gi://Gtk?version=3.0' {
  namespace Gtk {
    type Properties = Record<string, unknown>;
    class Widget {
      constructor(properties?: Properties);
      connect(signal: string, handler: (widget: never, ...args: never[]) => unknown): number;
      get_style_context(): { add_class(name: string): void };
      get_allocated_width(): number;
      get_allocated_height(): number;
      grab_focus(): void;
      show_all(): void;
      show(): void;
      hide(): void;
      destroy(): void;
      visible: boolean;
    }
    class Container extends Widget {
      add(child: Widget): void;
      remove(child: Widget): void;
    }
    class Window extends Container {
      set_default_size(width: number, height: number): void;
      fullscreen(): void;
    }
    class Overlay extends Container {
      add_overlay(child: Widget): void;
    }
    class Stack extends Container {
      add_named(child: Widget, name: string): void;
      set_visible_child(child: Widget): void;
      set_visible_child_name(name: string): void;
    }
    class Revealer extends Container {
      set_reveal_child(reveal: boolean): void;
    }
    class DrawingArea extends Widget {}
    class EventBox extends Container {}
    class Box extends Container {
      pack_start(child: Widget, expand: boolean, fill: boolean, padding: number): void;
    }
    class Label extends Widget {
      set_text(text: string): void;
    }
    class Button extends Container {
      set_label(text: string): void;
    }
    class CssProvider {
      load_from_data(css: Uint8Array | string): void;
    }
    const StyleContext: {
      add_provider_for_screen(screen: object, provider: CssProvider, priority: number): void;
    };
    const STYLE_PROVIDER_PRIORITY_APPLICATION: number;
    const Align: { CENTER: number; START: number };
    const Orientation: { VERTICAL: number; HORIZONTAL: number };
    const RevealerTransitionType: { SLIDE_DOWN: number };
    function init(argv: null): void;
    function main(): void;
    function main_quit(): void;
  }
  export default Gtk;
}

declare module 'gi://WebKit2?version=4.1' {
  import type Gtk from 'gi://Gtk?version=3.0';

  namespace WebKit2 {
    class WebContext {
      static new_ephemeral(): WebContext;
      set_cache_model(model: number): void;
      connect(signal: string, handler: (context: never, ...args: never[]) => unknown): number;
    }
    class Settings {
      constructor(properties: Record<string, unknown>);
    }
    class WebView extends Gtk.Widget {
      load_uri(uri: string): void;
      get_uri(): string | null;
      set_background_color(color: object): void;
    }
    const CacheModel: { DOCUMENT_VIEWER: number };
    const HardwareAccelerationPolicy: { NEVER: number };
    const LoadEvent: { FINISHED: number };
    const PolicyDecisionType: { NAVIGATION_ACTION: number; NEW_WINDOW_ACTION: number; RESPONSE: number };
  }
  export default WebKit2;
}

declare module 'gi://SpiceClientGLib?version=2.0' {
  namespace SpiceClientGLib {
    class Session {
      constructor(properties: Record<string, unknown>);
      /** Starts the connection: not the connect of signals. */
      connect(): boolean;
      disconnect(): void;
    }
    class Channel {
      readonly channel_id: number;
      readonly socket: Gio.Socket | null;
      get_error(): { message: string } | null;
    }
    class MainChannel extends Channel {}
    class InputsChannel extends Channel {}
    class DisplayChannel extends Channel {
      /** Connects the channel: not the connect of signals. */
      connect(): boolean;
    }
    const Audio: { get(session: Session, context: null): object | null };
    const ChannelEvent: Record<
      'OPENED' | 'SWITCHING' | 'CLOSED' | 'ERROR_CONNECT' | 'ERROR_TLS' | 'ERROR_LINK' | 'ERROR_AUTH' | 'ERROR_IO',
      number
    >;
  }
  export default SpiceClientGLib;
}

declare module 'gi://SpiceClientGtk?version=3.0' {
  import type GdkPixbuf from 'gi://GdkPixbuf?version=2.0';
  import type Gtk from 'gi://Gtk?version=3.0';
  import type SpiceClientGLib from 'gi://SpiceClientGLib?version=2.0';

  namespace SpiceClientGtk {
    class Display extends Gtk.Widget {
      // biome-ignore lint/suspicious/noMisleadingInstantiator: GObject constructors are static methods
      static new(session: SpiceClientGLib.Session, channelId: number): Display;
      resize_guest: boolean;
      scaling: boolean;
      grab_keyboard: boolean;
      grab_mouse: boolean;
      readonly ready: boolean;
      /** What is on it now. */
      get_pixbuf(): GdkPixbuf.Pixbuf | null;
    }
    const GtkSession: {
      get(session: SpiceClientGLib.Session): { auto_clipboard: boolean; auto_usbredir: boolean };
    };
  }
  export default SpiceClientGtk;
}

/** gjs prints to standard error; the journal of the kiosk unit gets it. */
declare function printerr(...words: string[]): void;
