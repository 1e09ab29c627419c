/**
 * The few parts of GTK 3, WebKitGTK, GLib and Gio that the window uses, as gjs (1.74 in Debian 12 and later) presents
 * them. Only what is called; complete type packages are many times the size of the window.
 */
import type { SocketGio, TimerGLib } from '#common/gjs/line-link.ts';

type Handler = (...args: never[]) => unknown;
type Properties = Record<string, unknown>;

export interface GObject {
  connect(signal: string, handler: Handler): number;
}

export interface Widget extends GObject {
  show(): void;
  show_all(): void;
  hide(): void;
  destroy(): void;
  set_visible(visible: boolean): void;
  set_sensitive(sensitive: boolean): void;
}

export interface Window extends Widget {
  add(child: Widget): void;
  present(): void;
  set_default_size(width: number, height: number): void;
  set_icon_name(name: string): void;
}

export interface Menu extends Widget {
  append(item: Widget): void;
  popup_at_pointer(event: object | null): void;
}

export interface Application extends GObject {
  run(argv: string[]): number;
  hold(): void;
  activate(): void;
  add_window(window: Window): void;
}

export interface StatusIcon extends GObject {
  set_from_file(path: string): void;
  set_tooltip_text(text: string): void;
  set_title(text: string): void;
  set_visible(visible: boolean): void;
}

export interface SchemeRequest {
  get_path(): string;
  finish(stream: object, bytes: number, type: string): void;
  finish_error(error: object): void;
}

export interface PolicyDecision {
  use(): void;
  ignore(): void;
  get_request?(): { get_uri(): string };
  get_navigation_action?(): { get_request(): { get_uri(): string } };
}

export interface WebView extends Widget {
  load_uri(uri: string): void;
  evaluate_javascript(
    script: string,
    length: number,
    world: null,
    source: null,
    cancellable: null,
    done: () => void,
  ): void;
}

interface ContentManager extends GObject {
  register_script_message_handler(name: string): boolean;
}

interface WebContext extends GObject {
  set_cache_model(model: number): void;
  register_uri_scheme(scheme: string, handler: (request: SchemeRequest) => void): void;
  set_preferred_languages(languages: string[]): void;
}

export interface DBusConnection {
  call(
    name: string,
    path: string,
    interface_: string,
    method: string,
    parameters: object,
    replyType: null,
    flags: number,
    timeoutMs: number,
    cancellable: null,
    done: null,
  ): void;
}

export interface ExportedObject {
  export(connection: DBusConnection, path: string): void;
  unexport(): void;
  emit_signal(name: string, parameters: object | null): void;
}

interface Gi {
  versions: Record<string, string>;
  GLib: TimerGLib & {
    getenv(name: string): string | null;
    get_language_names(): string[];
    quark_from_string(text: string): number;
    set_prgname(name: string): void;
    Error: { new_literal(quark: number, code: number, message: string): object };
    Bytes: new (data: Uint8Array) => object;
    Variant: new (signature: string, value: unknown) => object;
  };
  Gio: SocketGio & {
    ApplicationFlags: { HANDLES_COMMAND_LINE: number };
    BusType: { SESSION: number };
    BusNameWatcherFlags: { NONE: number };
    BusNameOwnerFlags: { NONE: number };
    DBusCallFlags: { NONE: number };
    DBusExportedObject: { wrapJSObject(xml: string, object: object): ExportedObject };
    File: { new_for_path(path: string): { load_contents(cancellable: null): [boolean, Uint8Array, string] } };
    MemoryInputStream: { new_from_bytes(bytes: object): object };
    bus_watch_name(
      bus: number,
      name: string,
      flags: number,
      appeared: (connection: DBusConnection, name: string, owner: string) => void,
      vanished: (connection: DBusConnection | null, name: string) => void,
    ): number;
    bus_own_name_on_connection(
      connection: DBusConnection,
      name: string,
      flags: number,
      acquired: (() => void) | null,
      lost: (() => void) | null,
    ): number;
    bus_unown_name(id: number): void;
  };
  Gtk: {
    Application: new (properties: Properties) => Application;
    ApplicationWindow: new (properties: Properties) => Window;
    Menu: new () => Menu;
    MenuItem: new (properties: Properties) => Widget & { set_label(text: string): void };
    StatusIcon: new () => StatusIcon;
    init(argv: null): void;
  };
  Gdk: { KEY_Escape: number; KEY_w: number; ModifierType: { CONTROL_MASK: number } };
  WebKit2: {
    WebContext: { new_ephemeral(): WebContext };
    WebView: new (properties: Properties) => WebView & GObject;
    Settings: new (properties: Properties) => object;
    UserContentManager: new () => ContentManager;
    CacheModel: { DOCUMENT_VIEWER: number };
    HardwareAccelerationPolicy: { NEVER: number };
    PolicyDecisionType: { RESPONSE: number; NEW_WINDOW_ACTION: number };
  };
}

declare const imports: { gi: Gi };

imports.gi.versions.Gtk = '3.0';
imports.gi.versions.Gdk = '3.0';
imports.gi.versions.WebKit2 = '4.1';

export const { GLib, Gio } = imports.gi;
export const gtk = () => imports.gi.Gtk;
export const gdk = () => imports.gi.Gdk;
/** Loaded only when the window opens: it is by far the largest part. */
export const webkit = () => imports.gi.WebKit2;
