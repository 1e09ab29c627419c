/** A desktop and its picture on this screen. */

import { messageOf } from '#common/errors.ts';
import { ViewerTicket } from '#common/protocol/client-server.ts';
import { Desktop } from '#common/protocol/desktop.ts';
import type { Place } from '../facts.ts';
import type { Runtime } from '../runtime.ts';
import { ask, giveUp } from './ask.ts';
import type { Executors } from './executors.ts';

const BACK_LABEL = { en: 'Back to my desktops', pt: 'Voltar aos meus ambientes' } as const;

type ViewerStep = 'startDesktop' | 'openViewer' | 'closeViewer' | 'leaveDesktop' | 'shutDownDesktop';

export const viewerExecutors: Pick<Executors, ViewerStep> = {
  async startDesktop({ id }, runtime) {
    await ask(
      runtime,
      async (client) => {
        const desktop = await client.call({ method: 'POST', path: `/desktops/${id}/start`, answer: Desktop });
        if (runtime.wanted.desktop?.id === id) runtime.wanted.desktop.started = true;
        runtime.desktopIs(desktop);
      },
      (why) => giveUp(runtime, id, why),
    );
  },

  async openViewer({ id, name, place }, runtime) {
    if (place === 'here') {
      const { host } = runtime.outside;
      try {
        if (host) show(await host.ticket(id), { id, name, place }, runtime);
      } catch (error) {
        runtime.viewerFailed(id, messageOf(error));
      }
      return;
    }
    await ask(
      runtime,
      async (client) => {
        const ticket = await client.call({ method: 'POST', path: `/desktops/${id}/viewer`, answer: ViewerTicket });
        show(ticket, { id, name, place }, runtime);
      },
      (why) => runtime.viewerFailed(id, why),
    );
  },

  async closeViewer(_, runtime) {
    runtime.outside.tellShell({ do: 'closeViewer' });
    runtime.viewerClosed();
  },

  async leaveDesktop({ notice }, runtime) {
    runtime.wanted.desktop = undefined;
    runtime.display.notice = notice;
  },

  async shutDownDesktop({ id, name }, runtime) {
    await ask(
      runtime,
      async (client) => {
        runtime.desktopIs(await client.call({ method: 'POST', path: `/desktops/${id}/shut-down`, answer: Desktop }));
      },
      (reason) => {
        runtime.display.notice = { kind: 'desktopFailed', desktop: name, reason };
      },
    );
    runtime.wanted.shutDown = runtime.wanted.shutDown.filter((other) => other !== id);
  },
};

interface Ticket {
  host: string;
  port: number;
  password: string;
}

/** Has the shell open a picture; one that is there stays until the new one is. */
function show(ticket: Ticket, { id, name, place }: { id: string; name: string; place: Place }, runtime: Runtime): void {
  const { viewer } = runtime.facts;
  if (runtime.wanted.desktop?.id !== id) return;
  if (viewer.kind !== 'closed' && viewer.kind !== 'lost' && viewer.place === place) return;
  const { host, port, password } = ticket;
  const backLabel = BACK_LABEL[runtime.display.language];
  if (!runtime.outside.tellShell({ do: 'openViewer', host, port, password, title: name, backLabel })) {
    runtime.viewerFailed(id, 'there is no screen program');
    return;
  }
  const frozen = viewer.kind !== 'closed' && (viewer.kind !== 'opening' || viewer.frozen);
  runtime.facts.viewer = { kind: 'opening', desktop: id, place, frozen, dark: false, since: runtime.now() };
}
