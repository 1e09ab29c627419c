/**
 * The page in a WebKit view: its files come from a folder through an address scheme of our own, its words go through
 * WebKit's message handler. There is no port that anybody else could reach.
 */
import type { FromPage, ToPage } from '../page/protocol.ts';
import { Gio, GLib, type PolicyDecision, type SchemeRequest, type WebView, webkit } from './gi.ts';

const SCHEME = 'flexdeploy-agent';
const HOME = `${SCHEME}://page/index.html`;

const TYPES: Record<string, string> = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
};

export interface PageViewOptions {
  folder: string;
  /** The page is there and wants to know everything. */
  onReady(): void;
  onMessage(message: FromPage): void;
}

/** What replaces what was said before. */
type StateOfPage = Exclude<ToPage, { say: 'answer' }>;

interface ScriptResult {
  get_js_value(): { to_string(): string };
}

export class PageView {
  readonly widget: WebView;
  /** What the page is to show next; it is drawing something older. */
  #next: StateOfPage | undefined;
  #drawing = false;

  constructor({ folder, onReady, onMessage }: PageViewOptions) {
    const { UserContentManager, WebContext, WebView, CacheModel } = webkit();
    const manager = new UserContentManager();
    manager.connect('script-message-received::agent', (_: never, result: ScriptResult) => {
      const text = result.get_js_value().to_string();
      if (text === 'ready') onReady();
      else onMessage(JSON.parse(text) as FromPage); // our own page; the service checks what reaches it
    });
    manager.register_script_message_handler('agent');
    const context = WebContext.new_ephemeral();
    context.set_cache_model(CacheModel.DOCUMENT_VIEWER);
    context.register_uri_scheme(SCHEME, (request) => serve(request, folder));
    this.widget = new WebView({ web_context: context, user_content_manager: manager, settings: settings() });
    this.widget.connect('decide-policy', (_: never, decision: PolicyDecision, type: number) => decide(decision, type));
    this.widget.connect('context-menu', () => true);
    this.widget.connect('create', () => null);
    this.widget.connect('web-process-terminated', () => this.widget.load_uri(HOME));
    this.widget.load_uri(HOME);
  }

  answer(message: Exclude<ToPage, StateOfPage>): void {
    this.#say(message, () => {});
  }

  /** Shows the newest that there is: a page that is slower than the news misses what is past. */
  show(message: StateOfPage): void {
    this.#next = message;
    if (!this.#drawing) this.#draw();
  }

  #draw(): void {
    const message = this.#next;
    this.#next = undefined;
    this.#drawing = message !== undefined;
    if (message) this.#say(message, () => this.#draw());
  }

  #say(message: ToPage, said: () => void): void {
    this.widget.evaluate_javascript(`fromAgent(${JSON.stringify(message)})`, -1, null, null, null, said);
  }
}

/** Only file names of the page's own folder are known; it has no folders below. */
function serve(request: SchemeRequest, folder: string): void {
  const name = request.get_path().replace(/^\//, '');
  const type = TYPES[name.split('.').at(-1) ?? ''];
  try {
    if (!/^[a-z-]+\.[a-z]+$/.test(name) || type === undefined) throw new Error(`no page ${name}`);
    const [, bytes] = Gio.File.new_for_path(`${folder}/${name}`).load_contents(null);
    request.finish(Gio.MemoryInputStream.new_from_bytes(new GLib.Bytes(bytes)), bytes.length, type);
  } catch (error) {
    request.finish_error(GLib.Error.new_literal(GLib.quark_from_string('flexdeploy-agent'), 1, String(error)));
  }
}

function decide(decision: PolicyDecision, type: number): boolean {
  const uri =
    type === webkit().PolicyDecisionType.RESPONSE
      ? decision.get_request?.().get_uri()
      : decision.get_navigation_action?.().get_request().get_uri();
  if (uri?.startsWith(`${SCHEME}://page/`) && type !== webkit().PolicyDecisionType.NEW_WINDOW_ACTION) decision.use();
  else decision.ignore();
  return true;
}

function settings(): object {
  const { Settings, HardwareAccelerationPolicy } = webkit();
  return new Settings({
    enable_developer_extras: false,
    enable_html5_database: false,
    enable_html5_local_storage: false,
    enable_media_stream: false,
    enable_mediasource: false,
    enable_page_cache: false,
    enable_webaudio: false,
    enable_webgl: false,
    javascript_can_open_windows_automatically: false,
    // Works in every virtual machine; the page is small enough for the processor.
    hardware_acceleration_policy: HardwareAccelerationPolicy.NEVER,
  });
}
