/** The kiosk page in a WebKit view that leads nowhere else. */
import Gdk from 'gi://Gdk?version=3.0';
import GLib from 'gi://GLib?version=2.0';
import Gtk from 'gi://Gtk?version=3.0';
import WebKit2 from 'gi://WebKit2?version=4.1';
import { log } from './log.ts';

const RETRY_MS = 700;
/** Milliseconds: a page that cannot be drawn takes the processor for a second each time. */
const LONGEST_RETRY_MS = 10_000;
/** So many ends of the web process in a row, without that it lived for this long between, are told. */
const ENDS_IN_A_ROW = 3;
const LIVED_MS = 20_000;
/** The runtime's words do not come this far, nor does the language that somebody chose. */
const CANNOT_BE_DRAWN =
  'This screen cannot be shown: the program that draws it keeps ending. It is tried again.\n' +
  'If it stays so, switch the PC off and on; then tell your administrator.\n\n' +
  'Não é possível mostrar este ecrã: o programa que o desenha está sempre a terminar. Nova tentativa em curso.\n' +
  'Se continuar assim, desligue e ligue o PC; depois avise o administrador.';

export interface PageOptions {
  /** Origin with a slash at the end; nothing outside it is ever loaded. */
  url: string;
  onLoaded(): void;
}

interface Decision {
  ignore(): void;
  use(): void;
  get_navigation_action(): { get_request(): { get_uri(): string } };
  get_request(): { get_uri(): string };
}

export interface Page {
  widget: Gtk.Widget;
  focus(): void;
}

/**
 * Makes the view and starts loading. It loads again by itself when the runtime or the web process goes; a web process that
 * goes each time is told over the empty page.
 */
export function createPage({ url, onLoaded }: PageOptions): Page {
  const context = WebKit2.WebContext.new_ephemeral();
  context.set_cache_model(WebKit2.CacheModel.DOCUMENT_VIEWER);
  context.connect('download-started', (_: never, download: { cancel(): void }) => download.cancel());
  const view = new WebKit2.WebView({ web_context: context, settings: settings() });
  view.set_background_color(new Gdk.RGBA({ red: 0.953, green: 0.965, blue: 0.984, alpha: 1 }));

  const words = new Gtk.Label({
    label: CANNOT_BE_DRAWN,
    wrap: true,
    margin: 48,
    halign: Gtk.Align.CENTER,
    valign: Gtk.Align.CENTER,
    no_show_all: true,
  });
  words.get_style_context().add_class('cannot-be-drawn');
  const pane = new Gtk.Overlay();
  pane.add(view);
  pane.add_overlay(words);

  const load = () => view.load_uri(url);
  let retry = 0;
  const loadSoon = (afterMs = RETRY_MS) => {
    if (retry) return;
    retry = GLib.timeout_add(GLib.PRIORITY_DEFAULT, afterMs, () => {
      retry = 0;
      load();
      return GLib.SOURCE_REMOVE;
    });
  };

  let failed = false;
  view.connect('load-failed', () => {
    failed = true;
    loadSoon();
    return true; // no error page
  });
  view.connect('load-changed', (_: never, event: number) => {
    if (event !== WebKit2.LoadEvent.FINISHED) return;
    if (!failed && view.get_uri()?.startsWith(url)) {
      words.hide();
      onLoaded();
    }
    failed = false;
  });
  let ends = 0;
  let endedAt = 0;
  view.connect('web-process-terminated', () => {
    const now = Date.now();
    ends = now - endedAt > LIVED_MS ? 1 : ends + 1;
    endedAt = now;
    log('the web process ended; loading the page again');
    if (ends >= ENDS_IN_A_ROW) words.show();
    loadSoon(Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** (ends - 1)));
  });
  view.connect('decide-policy', (_: never, decision: Decision, type: number) => decide(decision, type, url));
  // Everything that could lead out of the page is answered with "handled" or "no".
  view.connect('context-menu', () => true);
  view.connect('create', () => null);
  view.connect('print', () => true);
  view.connect('enter-fullscreen', () => true);
  view.connect('show-notification', () => true);
  view.connect('authenticate', (_: never, request: { cancel(): void }) => refuse(() => request.cancel()));
  view.connect('permission-request', (_: never, request: { deny(): void }) => refuse(() => request.deny()));
  view.connect('run-file-chooser', (_: never, request: { cancel(): void }) => refuse(() => request.cancel()));
  load();
  return { widget: pane, focus: () => view.grab_focus() };
}

function decide(decision: Decision, type: number, url: string): boolean {
  const uri =
    type === WebKit2.PolicyDecisionType.RESPONSE
      ? decision.get_request().get_uri()
      : decision.get_navigation_action().get_request().get_uri();
  if (type !== WebKit2.PolicyDecisionType.NEW_WINDOW_ACTION && uri.startsWith(url)) decision.use();
  else {
    decision.ignore();
    log('a way out of the page was refused');
  }
  return true;
}

function refuse(answer: () => void): boolean {
  answer();
  return true;
}

function settings(): WebKit2.Settings {
  return new WebKit2.Settings({
    enable_developer_extras: false,
    enable_fullscreen: false,
    enable_html5_database: false,
    enable_html5_local_storage: false,
    enable_media_stream: false,
    enable_mediasource: false,
    enable_page_cache: false,
    enable_webaudio: false,
    enable_webgl: false,
    enable_webrtc: false,
    enable_back_forward_navigation_gestures: false,
    javascript_can_open_windows_automatically: false,
    javascript_can_access_clipboard: false,
    // Works on every PC; the page is small enough for the processor.
    hardware_acceleration_policy: WebKit2.HardwareAccelerationPolicy.NEVER,
  });
}
