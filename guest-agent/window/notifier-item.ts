/**
 * A StatusNotifierItem on the session bus.
 * https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/
 */

import { type DBusConnection, type ExportedObject, Gio, GLib } from './gi.ts';
import type { IconName } from './icon-name.ts';

const PATH = '/StatusNotifierItem';
const INTERFACE = `<node><interface name="org.kde.StatusNotifierItem">
<property name="Category" type="s" access="read"/>
<property name="Id" type="s" access="read"/>
<property name="Title" type="s" access="read"/>
<property name="Status" type="s" access="read"/>
<property name="IconName" type="s" access="read"/>
<property name="ToolTip" type="(sa(iiay)ss)" access="read"/>
<property name="ItemIsMenu" type="b" access="read"/>
<method name="Activate"><arg type="i" direction="in"/><arg type="i" direction="in"/></method>
<method name="SecondaryActivate"><arg type="i" direction="in"/><arg type="i" direction="in"/></method>
<method name="ContextMenu"><arg type="i" direction="in"/><arg type="i" direction="in"/></method>
<method name="Scroll"><arg type="i" direction="in"/><arg type="s" direction="in"/></method>
<signal name="NewIcon"/><signal name="NewToolTip"/><signal name="NewTitle"/>
</interface></node>`;

export class NotifierItem {
  readonly #exported: ExportedObject;
  readonly #name: number;
  readonly #properties: { IconName: string; ToolTip: ToolTip };
  readonly #title: string;

  constructor(connection: DBusConnection, { title, onActivate }: NotifierItemOptions) {
    this.#title = title;
    const activate = () => onActivate();
    this.#properties = { IconName: 'flexdeploy-agent-away', ToolTip: tooltip(title, '') };
    const properties = this.#properties;
    this.#exported = Gio.DBusExportedObject.wrapJSObject(INTERFACE, {
      Category: 'SystemServices',
      Id: 'flexdeploy-agent',
      Title: title,
      Status: 'Active',
      ItemIsMenu: false,
      get IconName() {
        return properties.IconName;
      },
      get ToolTip() {
        return properties.ToolTip;
      },
      Activate: activate,
      SecondaryActivate: activate,
      ContextMenu: activate,
      Scroll: () => {},
    });
    this.#exported.export(connection, PATH);
    const name = 'org.kde.StatusNotifierItem-flexdeploy-agent-1';
    this.#name = Gio.bus_own_name_on_connection(
      connection,
      name,
      Gio.BusNameOwnerFlags.NONE,
      () => {
        connection.call(
          'org.kde.StatusNotifierWatcher',
          '/StatusNotifierWatcher',
          'org.kde.StatusNotifierWatcher',
          'RegisterStatusNotifierItem',
          new GLib.Variant('(s)', [name]),
          null,
          Gio.DBusCallFlags.NONE,
          -1,
          null,
          null,
        );
      },
      null,
    );
  }

  show({ icon, text }: { icon: IconName; text: string }): void {
    this.#properties.IconName = `flexdeploy-agent-${icon}`;
    this.#properties.ToolTip = tooltip(this.#title, text);
    this.#exported.emit_signal('NewIcon', null);
    this.#exported.emit_signal('NewToolTip', null);
  }

  close(): void {
    Gio.bus_unown_name(this.#name);
    this.#exported.unexport();
  }
}

export interface NotifierItemOptions {
  title: string;
  onActivate(): void;
}

/** As the specification has it: icon name, pixmaps, title, text. */
type ToolTip = readonly [string, readonly never[], string, string];

function tooltip(title: string, text: string): ToolTip {
  return ['', [], title, text];
}
