/**
 * The one window of the kiosk, run by gjs inside cage: the page that the runtime serves, and the desktop in use.
 * It decides nothing: the runtime tells it what to show, and it tells the runtime what happened.
 */
import Gdk from 'gi://Gdk?version=3.0';
import type GdkPixbuf from 'gi://GdkPixbuf?version=2.0';
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

/** A desktop on the screen, or on its way to it. */
interface Open {
  connection: Viewer;
  display: SpiceGtk.Display | undefined;
  /** Its picture came once. */
  shown: boolean;
}

class Shell {
  readonly #stack = new Gtk.Stack();
  readonly #page = createPage({ url: URL, onLoaded: () => this.#link.send({ event: 'pageLoaded' }) });
  readonly #tab = new Tab(
    () => this.#back(),
    (name) => this.#link.send({ event: 'tabAction', name }),
  );
  readonly #link: RuntimeLink;
  #viewer: Open | undefined;
  /** What stays on the screen until the viewer that is on its way has a picture: the one before, or its last picture. */
  #standing: { widget: Gtk.Widget; connection?: Viewer } | undefined;
  #named = 0;

  constructor() {
    this.#link = new RuntimeLink({
      path: SOCKET,
      onCommand: (command) => this.#do(command),
      onConnected: () => this.#link.send({ event: 'ready' }),
      onLost: () => this.#dropAll(), // its tunnel goes with the runtime
    });
    const window = new Gtk.Window({ title: 'FlexDeploy', decorated: false });
    const overlay = new Gtk.Overlay();
    this.#stack.add_named(this.#page.widget, 'page');
    overlay.add(this.#stack);
    overlay.add_overlay(this.#tab.widget);
    window.add(overlay);
    window.set_default_size(1024, 768);
    window.connect('delete-event', () => true);
    window.connect('key-press-event', (_: never, event: KeyEvent) => this.#key(event));
    window.show_all();
    window.fullscreen();
    this.#tab.vanish();
    this.#page.focus();
    this.#link.start();
  }

  #do(command: ShellCommand): void {
    switch (command.do) {
      case 'openViewer':
        this.#open(command);
        break;
      case 'closeViewer':
        this.#dropAll();
        break;
      case 'showPicture':
        this.#viewer?.connection.reveal();
        break;
      case 'setTab':
        this.#tab.tell(command);
        break;
      default:
        log('an unknown command was left out'); // a newer runtime
    }
  }

  #open({ host, port, password, title, backLabel }: Extract<ShellCommand, { do: 'openViewer' }>): void {
    this.#keepStanding();
    log(`opening the desktop ${title}`);
    const viewer: Open = {
      display: undefined,
      shown: false,
      connection: new Viewer({
        host,
        port,
        password,
        follows: this.#standing !== undefined,
        onDisplay: (display) => {
          viewer.display = display;
          this.#put(display);
        },
        onConnected: () => this.#link.send({ event: 'viewerConnected' }),
        onPicture: (dark) => this.#picture(viewer, dark, { title, backLabel }),
        onClosed: (reason, detail, last) => this.#ended(viewer, { reason, detail, last }),
      }),
    };
    this.#viewer = viewer;
    viewer.connection.start();
  }

  #picture(viewer: Open, dark: boolean, words: { title: string; backLabel: string }): void {
    if (viewer !== this.#viewer || !viewer.display) return;
    if (dark) {
      this.#showPage();
      this.#link.send({ event: 'dark', dark });
      return;
    }
    const first = !viewer.shown;
    viewer.shown = true;
    const followed = this.#standing !== undefined;
    this.#stack.set_visible_child(viewer.display);
    viewer.display.grab_focus();
    this.#dropStanding();
    if (!followed) this.#tab.appear(words.title, words.backLabel);
    if (first) this.#link.send({ event: 'firstFrame' });
    else this.#link.send({ event: 'dark', dark });
  }

  /** The one on the screen stays there, as it is, while another is on its way. */
  #keepStanding(): void {
    const viewer = this.#viewer;
    this.#viewer = undefined;
    if (!viewer) return;
    if (viewer.shown && viewer.display) {
      this.#dropStanding();
      this.#standing = { widget: viewer.display, connection: viewer.connection };
    } else this.#drop(viewer);
  }

  #ended(viewer: Open, { reason, detail, last }: End): void {
    log(`the desktop closed: ${reason}${detail ? ` (${detail})` : ''}`);
    if (viewer.display && this.#standing?.widget === viewer.display) {
      this.#stand(last, viewer); // its successor is on the way, and nobody has to know
      return;
    }
    if (viewer !== this.#viewer) return;
    this.#viewer = undefined;
    if (reason === 'disconnected' && viewer.shown && last) this.#stand(last, viewer);
    else this.#drop(viewer);
    if (!this.#standing) this.#showPage();
    this.#link.send({ event: 'viewerClosed', reason, ...(detail && { detail }) });
  }

  /** Puts the last picture in the place of a desktop whose connection is gone. */
  #stand(last: GdkPixbuf.Pixbuf | null, viewer: Open): void {
    const before = this.#standing;
    this.#standing = undefined;
    if (last) {
      const widget = stillPicture(last);
      this.#put(widget);
      this.#stack.set_visible_child(widget);
      this.#standing = { widget };
    }
    if (before && before.widget !== viewer.display) this.#remove(before.widget);
    this.#drop(viewer);
  }

  #put(widget: Gtk.Widget): void {
    this.#stack.add_named(widget, `desktop-${++this.#named}`);
    widget.show();
  }

  #remove(widget: Gtk.Widget): void {
    this.#stack.remove(widget);
    widget.destroy();
  }

  #drop({ connection, display }: Open): void {
    connection.close();
    if (display) this.#remove(display);
  }

  #dropStanding(): void {
    const standing = this.#standing;
    this.#standing = undefined;
    standing?.connection?.close();
    if (standing) this.#remove(standing.widget);
  }

  #dropAll(): void {
    const viewer = this.#viewer;
    if (!viewer && !this.#standing) return;
    this.#viewer = undefined;
    this.#showPage();
    if (viewer) this.#drop(viewer);
    this.#dropStanding();
  }

  #showPage(): void {
    this.#tab.vanish();
    this.#stack.set_visible_child(this.#page.widget);
    this.#page.focus();
  }

  #back(): void {
    if (!this.#viewer && !this.#standing) return;
    this.#dropAll();
    this.#link.send({ event: 'viewerClosed', reason: 'back' });
  }

  /** Ctrl+Alt+Home: the way back by keyboard. The window sees keys before the desktop does. */
  #key(event: KeyEvent): boolean {
    const [, key] = event.get_keyval();
    const [, held] = event.get_state();
    const both = Gdk.ModifierType.CONTROL_MASK | Gdk.ModifierType.MOD1_MASK;
    const inUse = this.#viewer !== undefined || this.#standing !== undefined;
    if (!inUse || key !== Gdk.KEY_Home || (held & both) !== both) return Gdk.EVENT_PROPAGATE;
    this.#back();
    return Gdk.EVENT_STOP;
  }
}

interface End {
  reason: CloseReason;
  detail: string | undefined;
  last: GdkPixbuf.Pixbuf | null;
}

/** A picture as large as fits, in the middle of black, as the display shows it. */
function stillPicture(picture: GdkPixbuf.Pixbuf): Gtk.Widget {
  const area = new Gtk.DrawingArea({ can_focus: true });
  area.connect('draw', (_: never, context: Cairo) => {
    const [width, height] = [area.get_allocated_width(), area.get_allocated_height()];
    const scale = Math.min(width / picture.width, height / picture.height);
    context.setSourceRGB(0, 0, 0);
    context.paint();
    context.translate((width - picture.width * scale) / 2, (height - picture.height * scale) / 2);
    context.scale(scale, scale);
    Gdk.cairo_set_source_pixbuf(context, picture, 0, 0);
    context.paint();
    context.$dispose(); // gjs frees drawing contexts only when told
    return true;
  });
  return area;
}

interface Cairo {
  setSourceRGB(red: number, green: number, blue: number): void;
  translate(x: number, y: number): void;
  scale(x: number, y: number): void;
  paint(): void;
  $dispose(): void;
}

interface KeyEvent {
  get_keyval(): [boolean, number];
  get_state(): [boolean, number];
}

Gtk.init(null);
new Shell();
Gtk.main();
