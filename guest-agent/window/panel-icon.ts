/**
 * The icon in the panel. Desktops know two ways: StatusNotifierItem over D-Bus (KDE, XFCE, Ubuntu's GNOME) where somebody
 * watches for such items, and the older system tray of X11 (tint2 and others) where nobody does.
 */

import { Gio, GLib, gtk, type Menu, type StatusIcon } from './gi.ts';
import type { IconName } from './icon-name.ts';
import { NotifierItem } from './notifier-item.ts';

const WATCHER = 'org.kde.StatusNotifierWatcher';

export interface PanelIconOptions {
  /** Folder of the icon theme with `flexdeploy-agent-NAME.svg` for each icon. */
  folder: string;
  title: string;
  menu: Menu;
  onActivate(): void;
}

export class PanelIcon {
  readonly #options: PanelIconOptions;
  #tray: StatusIcon | undefined;
  #item: NotifierItem | undefined;
  #shown: { icon: IconName; text: string } = { icon: 'away', text: '' };

  constructor(options: PanelIconOptions) {
    this.#options = options;
    Gio.bus_watch_name(
      Gio.BusType.SESSION,
      WATCHER,
      Gio.BusNameWatcherFlags.NONE,
      (connection) => {
        this.#tray?.set_visible(false);
        this.#item = new NotifierItem(connection, options);
        this.#item.show(this.#shown);
      },
      () => {
        this.#item?.close();
        this.#item = undefined;
        this.#useTray();
      },
    );
  }

  /** Cheap when nothing differs: every change makes the panel draw. */
  show(icon: IconName, text: string): void {
    const { icon: oldIcon, text: oldText } = this.#shown;
    if (icon === oldIcon && text === oldText) return;
    this.#shown = { icon, text };
    this.#item?.show(this.#shown);
    this.#drawTray({ icon: icon !== oldIcon });
  }

  #useTray(): void {
    this.#tray ??= this.#makeTray();
    this.#drawTray({ icon: true });
    this.#tray.set_visible(true);
  }

  #makeTray(): StatusIcon {
    const { StatusIcon } = gtk();
    const tray = new StatusIcon();
    tray.set_title(this.#options.title);
    tray.connect('activate', () => this.#options.onActivate());
    tray.connect('popup-menu', () => this.#options.menu.popup_at_pointer(null));
    return tray;
  }

  #drawTray({ icon }: { icon: boolean }): void {
    if (icon) this.#tray?.set_from_file(`${this.#options.folder}/flexdeploy-agent-${this.#shown.icon}.svg`);
    this.#tray?.set_tooltip_text(this.#shown.text);
  }
}

/** Runs `work` a little later, on GLib's main loop. */
export function soon(milliseconds: number, work: () => void): void {
  GLib.timeout_add(GLib.PRIORITY_DEFAULT, milliseconds, () => {
    work();
    return GLib.SOURCE_REMOVE;
  });
}
