/** The kiosk page in a WebKit view that leads nowhere else. */
import Gdk from 'gi://Gdk?version=3.0';
import GLib from 'gi://GLib?version=2.0';
import WebKit2 from 'gi://WebKit2?version=4.1';
import { log } from './log.ts';

const RETRY_MS = 700;

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

/** Makes the view and starts loading. It loads again by itself when the runtime or the web process goes. */
export function createPage({ url, onLoaded }: PageOptions): WebKit2.WebView {
  const context = WebKit2.WebContext.new_ephemeral();
  context.set_cache_model(WebKit2.CacheModel.DOCUMENT_VIEWER);
  context.connect('download-started', (_: never, download: { cancel(): void }) => download.cancel());
  const view = new WebKit2.WebView({ web_context: context, settings: settings() });
  view.set_background_color(new Gdk.RGBA({ red: 0.953, green: 0.965, blue: 0.984, alpha: 1 }));

  const load = () => view.load_uri(url);
  let retry = 0;
  const loadSoon = () => {
    if (retry) return;
    retry = GLib.timeout_add(GLib.PRIORITY_DEFAULT, RETRY_MS, () => {
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
    if (!failed && view.get_uri()?.startsWith(url)) onLoaded();
    failed = false;
  });
  view.connect('web-process-terminated', () => {
    log('the web process ended; loading the page again');
    loadSoon();
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
  return view;
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
