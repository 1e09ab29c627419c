/**
 * The one window of the kiosk, run by gjs inside cage: the page that the runtime serves, and the desktop in use.
 * It decides nothing: the runtime tells it what to show, and it tells the runtime what happened.
 */
import Gdk from 'gi://Gdk?version=3.0';
import GLib from 'gi://GLib?version=2.0';
import Gtk from 'gi://Gtk?version=3.0';
import type SpiceGtk from 'gi://SpiceClientGtk?version=3.0';
import type { ShellCommand } from '../kiosk/protocol.ts';
import { log } from './log.ts';
import { createPage } from './page.ts';
import { RuntimeLink } from './runtime-link.ts';
import { Tab } from './tab.ts';
import { type CloseReason, Viewer } from './viewer.ts';

const URL = GLib.getenv('FLEXDEPLOY_KIOSK_URL') ?? 'http://127.0.0.1:8080/';
const SOCKET = GLib.getenv('FLEXDEPLOY_SHELL_SOCKET') ?? '/run/flexdeploy/shell.sock';

class Shell {
  readonly #stack = new Gtk.Stack();
  readonly #page = createPage({ url: URL, onLoaded: () => this.#link.send({ event: 'pageLoaded' }) });
  readonly #tab = new Tab(() => this.#closed('back'));
  readonly #link: RuntimeLink;
  #viewer: { connection: Viewer; display?: SpiceGtk.Display } | undefined;

  constructor() {
    this.#link = new RuntimeLink({
      path: SOCKET,
      onCommand: (command) => this.#do(command),
      onConnected: () => this.#link.send({ event: 'ready' }),
      onLost: () => this.#dropViewer(), // its tunnel goes with the runtime
    });
    const window = new Gtk.Window({ title: 'FlexDeploy', decorated: false });
    const overlay = new Gtk.Overlay();
    this.#stack.add_named(this.#page, 'page');
    overlay.add(this.#stack);
    overlay.add_overlay(this.#tab.widget);
    window.add(overlay);
    window.set_default_size(1024, 768);
    window.connect('delete-event', () => true);
    window.connect('key-press-event', (_: never, event: KeyEvent) => this.#key(event));
    window.show_all();
    window.fullscreen();
    this.#tab.vanish();
    this.#page.grab_focus();
    this.#link.start();
  }

  #do(command: ShellCommand): void {
    switch (command.do) {
      case 'openViewer':
        this.#open(command);
        break;
      case 'closeViewer':
        this.#dropViewer();
        break;
      default:
        log('an unknown command was left out'); // a newer runtime
    }
  }

  #open({ host, port, password, title, backLabel }: Extract<ShellCommand, { do: 'openViewer' }>): void {
    this.#dropViewer();
    log(`opening the desktop ${title}`);
    const connection = new Viewer({
      host,
      port,
      password,
      onDisplay: (display) => {
        if (this.#viewer) this.#viewer.display = display;
        this.#stack.add_named(display, 'desktop');
        display.show();
      },
      onConnected: () => this.#link.send({ event: 'viewerConnected' }),
      onFirstFrame: () => {
        this.#stack.set_visible_child_name('desktop');
        this.#viewer?.display?.grab_focus();
        this.#tab.appear(title, backLabel);
        this.#link.send({ event: 'firstFrame' });
      },
      onClosed: (reason, detail) => this.#closed(reason, detail),
    });
    this.#viewer = { connection };
    connection.start();
  }

  #closed(reason: CloseReason, detail?: string): void {
    log(`the desktop closed: ${reason}${detail ? ` (${detail})` : ''}`);
    this.#dropViewer();
    this.#link.send({ event: 'viewerClosed', reason, ...(detail && { detail }) });
  }

  #dropViewer(): void {
    const viewer = this.#viewer;
    if (!viewer) return;
    this.#viewer = undefined;
    this.#tab.vanish();
    this.#stack.set_visible_child(this.#page);
    viewer.connection.close();
    if (viewer.display) {
      this.#stack.remove(viewer.display);
      viewer.display.destroy();
    }
    this.#page.grab_focus();
  }

  /** Ctrl+Alt+Home: the way back by keyboard. The window sees keys before the desktop does. */
  #key(event: KeyEvent): boolean {
    const [, key] = event.get_keyval();
    const [, held] = event.get_state();
    const both = Gdk.ModifierType.CONTROL_MASK | Gdk.ModifierType.MOD1_MASK;
    if (!this.#viewer || key !== Gdk.KEY_Home || (held & both) !== both) return Gdk.EVENT_PROPAGATE;
    this.#closed('back');
    return Gdk.EVENT_STOP;
  }
}

interface KeyEvent {
  get_keyval(): [boolean, number];
  get_state(): [boolean, number];
}

Gtk.init(null);
new Shell();
Gtk.main();
