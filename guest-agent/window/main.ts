/**
 * The window and the icon in the panel, run by gjs in the person's session. `--tray`: only the icon, for now (autostart).
 * It decides nothing: it shows what the agent's service says.
 */
import type { AgentStatus, Wish } from '#common/protocol/host-guest.ts';
import { controlPath, type View } from '../control/protocol.ts';
import { chooseLanguage, TEXTS } from '../texts/texts.ts';
import { type Application, Gio, GLib, gdk, gtk, type Menu, type Widget, type Window } from './gi.ts';
import { iconFor } from './icon-name.ts';
import { PageView } from './page-view.ts';
import { PanelIcon, soon } from './panel-icon.ts';
import { ServiceLink } from './service-link.ts';

const SHARE = GLib.getenv('FLEXDEPLOY_AGENT_SHARE') ?? '/usr/share';
const CONTROL = GLib.getenv('FLEXDEPLOY_AGENT_CONTROL') ?? controlPath('linux');

/** Ids of what the menu asks; the page counts its own from 1. */
const MENU_ID = 0;

const words = TEXTS[chooseLanguage(GLib.get_language_names())];

class AgentWindow {
  readonly #application: Application;
  readonly #link: ServiceLink;
  readonly #icon: PanelIcon;
  readonly #items: { wish: Wish; item: Widget }[] = [];
  #view: View | undefined;
  #lost: number | undefined;
  #window: Window | undefined;
  #page: PageView | undefined;

  constructor(application: Application) {
    this.#application = application;
    this.#icon = new PanelIcon({
      folder: `${SHARE}/icons/hicolor/scalable/status`,
      title: words.title,
      menu: this.#menu(),
      onActivate: () => this.toggle(),
    });
    this.#link = new ServiceLink({
      path: CONTROL,
      onView: (view) => {
        this.#view = view;
        this.#lost = undefined;
        this.#page?.show({ say: 'view', view });
        this.#drawIcon();
      },
      onAnswer: (id, error) => this.#page?.answer({ say: 'answer', id, ...(error && { error }) }),
      onLost: () => {
        this.#lost ??= Date.now();
        this.#view = undefined;
        this.#page?.show({ say: 'noService', since: this.#lost });
        this.#drawIcon();
      },
    });
    this.#drawIcon();
    this.#link.start();
  }

  toggle(): void {
    if (this.#window) this.#close();
    else this.open();
  }

  open(): void {
    if (this.#window) {
      this.#window.present();
      return;
    }
    const { ApplicationWindow } = gtk();
    const window = new ApplicationWindow({ title: words.title });
    this.#application.add_window(window);
    window.set_icon_name('flexdeploy-agent');
    window.set_default_size(720, 640);
    const page = new PageView({
      folder: `${SHARE}/flexdeploy-agent/page`,
      onReady: () => this.#tellPage(),
      onMessage: ({ id, wish }) => this.#link.send(id, wish),
    });
    window.add(page.widget);
    // the web process takes memory that the person's own programs can use better
    window.connect('delete-event', () => {
      this.#window = undefined;
      this.#page = undefined;
      return false;
    });
    window.connect('key-press-event', (_: never, event: KeyEvent) => this.#key(event));
    this.#window = window;
    this.#page = page;
    window.show_all();
    window.present();
  }

  #close(): void {
    this.#window?.destroy();
    this.#window = undefined;
    this.#page = undefined;
  }

  /** Escape and Ctrl+W close the window; the icon stays. */
  #key(event: KeyEvent): boolean {
    const { KEY_Escape, KEY_w, ModifierType } = gdk();
    const [, key] = event.get_keyval();
    const [, held] = event.get_state();
    const closes = key === KEY_Escape || (key === KEY_w && (held & ModifierType.CONTROL_MASK) !== 0);
    if (closes) soon(0, () => this.#close());
    return closes;
  }

  #tellPage(): void {
    if (this.#view) this.#page?.show({ say: 'view', view: this.#view });
    else this.#page?.show({ say: 'noService', since: this.#lost ?? Date.now() });
  }

  #drawIcon(): void {
    const status = this.#view?.status;
    const text = !status
      ? words.host.noService.title
      : status.move
        ? words.moving[status.move.to]
        : `${words.place[status.place].title}\n${words.sync[status.sync.kind]}${percent(status.sync)}`;
    this.#icon.show(iconFor(this.#view), text);
    for (const { wish, item } of this.#items) item.set_visible(status?.can[wish].possible ?? false);
  }

  #menu(): Menu {
    const { Menu, MenuItem } = gtk();
    const menu = new Menu();
    const add = (label: string, onPress: () => void): Widget => {
      const item = new MenuItem({ label });
      item.connect('activate', onPress);
      menu.append(item);
      item.show();
      return item;
    };
    add(words.openWindow, () => this.open());
    for (const wish of ['moveHere', 'moveToServer', 'cancelMove', 'pause', 'resume'] as const)
      this.#items.push({ wish, item: add(words.wish[wish], () => this.#link.send(MENU_ID, wish)) });
    return menu;
  }
}

interface KeyEvent {
  get_keyval(): [boolean, number];
  get_state(): [boolean, number];
}

function percent(sync: AgentStatus['sync']): string {
  return 'percent' in sync ? `: ${Math.floor(sync.percent)} %` : '';
}

interface CommandLine {
  get_arguments(): string[];
}

function start(): number {
  const { Application, init } = gtk();
  init(null);
  // the window's class, which the panel and window managers match with the .desktop file
  GLib.set_prgname('flexdeploy-agent');
  // one icon a session: a second start opens the window of the first
  const application = new Application({
    application_id: 'org.flexdeploy.Agent',
    flags: Gio.ApplicationFlags.HANDLES_COMMAND_LINE,
  });
  let window: AgentWindow | undefined;
  application.connect('startup', () => {
    window = new AgentWindow(application);
    application.hold();
  });
  application.connect('command-line', (_: never, line: CommandLine) => {
    if (!line.get_arguments().includes('--tray')) window?.open();
    return 0;
  });
  return application.run(['flexdeploy-agent-window', ...ARGV]);
}

/** Arguments after the script, from gjs. */
declare const ARGV: string[];
start();
