/** The tab at the top edge of a desktop: its name, and the way back to the list. A thin handle of it always shows. */
import Gdk from 'gi://Gdk?version=3.0';
import GLib from 'gi://GLib?version=2.0';
import Gtk from 'gi://Gtk?version=3.0';
import type { Tab as TabWords } from '../kiosk/protocol.ts';

/** How long the tab stays open after the desktop appears, and after the pointer left it. */
const SHOW_FIRST_MS = 5_000;
const LINGER_MS = 700;

export const BACK_KEYS = 'Ctrl + Alt + Home';

const CSS = `
window { background: #f3f6fb; } /* as the page's, so that nothing flashes */
.cannot-be-drawn { color: #1f2937; font-family: "Inter", "DejaVu Sans", sans-serif; font-size: 18px; }
.tab { background: transparent; font-family: "Inter", "DejaVu Sans", sans-serif; }
.tab .panel {
  background: rgba(17, 24, 39, 0.96); color: #f3f4f6;
  border: 1px solid rgba(255, 255, 255, 0.16); border-top: none; border-radius: 0 0 12px 12px;
  padding: 8px 10px 8px 18px;
}
.tab .title { font-weight: 600; font-size: 15px; }
.tab .status { color: #d1d5db; font-size: 13px; }
.tab .notice {
  background: rgba(122, 75, 0, 0.96); color: #ffffff; font-size: 13px;
  border-radius: 0 0 10px 10px; padding: 4px 14px 5px;
}
.tab button.action { background: transparent; border: 1px solid #9ca3af; }
.tab button.action:hover { background: rgba(255, 255, 255, 0.14); }
.tab .keys { color: #9ca3af; font-size: 13px; }
.tab button {
  background: #2f6fed; color: #ffffff; border: none; border-radius: 8px; box-shadow: none; text-shadow: none;
  padding: 6px 14px; font-weight: 600; font-size: 14px; outline: 2px solid transparent;
}
.tab button:hover { background: #4a84f5; }
.tab button:active { background: #2459c4; }
.tab button:focus { outline-color: #ffffff; outline-offset: -4px; }
.tab .handle {
  background: rgba(17, 24, 39, 0.82); border: 1px solid rgba(255, 255, 255, 0.4); border-top: none;
  border-radius: 0 0 6px 6px;
}
`;

export class Tab {
  readonly widget: Gtk.EventBox;
  readonly #revealer: Gtk.Revealer;
  readonly #title: Gtk.Label;
  readonly #status: Gtk.Label;
  readonly #notice: Gtk.Label;
  readonly #action: Gtk.Button;
  readonly #button: Gtk.Button;
  #hideTimer = 0;
  #visible = false;
  #words: TabWords = { status: '', notice: '' };

  constructor(onBack: () => void, onAction: (name: string) => void) {
    const provider = new Gtk.CssProvider();
    provider.load_from_data(new TextEncoder().encode(CSS));
    const priority = Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION;
    Gtk.StyleContext.add_provider_for_screen(Gdk.Screen.get_default(), provider, priority);

    this.#title = withClass(new Gtk.Label({ ellipsize: 3, max_width_chars: 32, xalign: 0 }), 'title');
    this.#status = withClass(new Gtk.Label({ ellipsize: 3, max_width_chars: 48, xalign: 0 }), 'status');
    this.#notice = withClass(new Gtk.Label({ ellipsize: 3, max_width_chars: 72, halign: Gtk.Align.CENTER }), 'notice');
    this.#action = withClass(new Gtk.Button({ can_focus: false }), 'action');
    this.#action.connect('clicked', () => this.#words.action && onAction(this.#words.action.name));
    this.#button = new Gtk.Button({ can_focus: false });
    this.#button.connect('clicked', onBack);
    const text = new Gtk.Box({ orientation: Gtk.Orientation.VERTICAL, valign: Gtk.Align.CENTER });
    text.pack_start(this.#title, false, false, 0);
    text.pack_start(this.#status, false, false, 0);
    const panel = withClass(new Gtk.Box({ orientation: Gtk.Orientation.HORIZONTAL, spacing: 16 }), 'panel');
    panel.pack_start(text, false, false, 0);
    panel.pack_start(withClass(new Gtk.Label({ label: BACK_KEYS }), 'keys'), false, false, 0);
    panel.pack_start(this.#action, false, false, 0);
    panel.pack_start(this.#button, false, false, 0);
    this.#revealer = new Gtk.Revealer({
      transition_type: Gtk.RevealerTransitionType.SLIDE_DOWN,
      transition_duration: 160,
    });
    this.#revealer.add(panel);
    const column = new Gtk.Box({ orientation: Gtk.Orientation.VERTICAL });
    column.pack_start(this.#revealer, false, false, 0);
    column.pack_start(this.#notice, false, false, 0);
    column.pack_start(
      withClass(new Gtk.Box({ halign: Gtk.Align.CENTER, width_request: 112, height_request: 7 }), 'handle'),
      false,
      false,
      0,
    );
    this.widget = withClass(new Gtk.EventBox({ halign: Gtk.Align.CENTER, valign: Gtk.Align.START }), 'tab');
    this.widget.add(column);
    this.widget.connect('enter-notify-event', () => this.#open());
    this.widget.connect('leave-notify-event', (_: never, event: { get_coords(): [boolean, number, number] }) => {
      const [, x, y] = event.get_coords();
      const { widget } = this;
      // moving onto the button is not leaving
      const inside = x >= 0 && y >= 0 && x < widget.get_allocated_width() && y < widget.get_allocated_height();
      if (!inside) this.#closeAfter(LINGER_MS);
      return Gdk.EVENT_PROPAGATE;
    });
  }

  /** Shows the tab, open for the first seconds. */
  appear(title: string, backLabel: string): void {
    this.#title.set_text(title);
    this.#button.set_label(backLabel);
    this.#visible = true;
    this.widget.show_all();
    this.#draw();
    this.#open();
    this.#closeAfter(SHOW_FIRST_MS);
  }

  /** What else it tells and offers. A new notice opens it for a moment. */
  tell(words: TabWords): void {
    const isNews = words.notice !== '' && this.#words.notice === '';
    this.#words = words;
    if (!this.#visible) return;
    this.#draw();
    if (!isNews) return;
    this.#open();
    this.#closeAfter(SHOW_FIRST_MS);
  }

  vanish(): void {
    this.#visible = false;
    this.#cancelTimer();
    this.#revealer.set_reveal_child(false);
    this.widget.hide();
  }

  #draw(): void {
    const { status, notice, action } = this.#words;
    this.#status.set_text(status);
    this.#status.visible = status !== '';
    this.#notice.set_text(notice);
    this.#notice.visible = notice !== '';
    if (action) this.#action.set_label(action.label);
    this.#action.visible = action !== undefined;
  }

  #open(): boolean {
    this.#cancelTimer();
    this.#revealer.set_reveal_child(true);
    return Gdk.EVENT_PROPAGATE;
  }

  #closeAfter(milliseconds: number): void {
    this.#cancelTimer();
    this.#hideTimer = GLib.timeout_add(GLib.PRIORITY_DEFAULT, milliseconds, () => {
      this.#hideTimer = 0;
      this.#revealer.set_reveal_child(false);
      return GLib.SOURCE_REMOVE;
    });
  }

  #cancelTimer(): void {
    if (this.#hideTimer) GLib.source_remove(this.#hideTimer);
    this.#hideTimer = 0;
  }
}

function withClass<W extends Gtk.Widget>(widget: W, name: string): W {
  widget.get_style_context().add_class(name);
  return widget;
}
