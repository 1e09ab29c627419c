/** A desktop's copy on this PC: choosing a disk, attaching, pausing, moving, and leaving with it. */
import { messageOf, UserError } from '#common/errors.ts';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import { Desktop } from '#common/protocol/desktop.ts';
import { leaveDisks } from '../commands.ts';
import type { CopyWish } from '../facts.ts';
import { ask } from './ask.ts';
import type { Executors } from './executors.ts';

/** The PC checks and opens the disk before the server answers, in milliseconds. */
const ATTACH_MS = 90_000;

type CopyStep = 'listDisks' | 'attach' | 'changeCopy' | 'bringBack' | 'putAway' | 'shutDownHere';

export const copyExecutors: Pick<Executors, CopyStep> = {
  async listDisks({ id, bytes }, runtime) {
    const list = await runtime.outside.listDisks(bytes).catch((error) => {
      runtime.log.error({ err: error }, 'the disks could not be listed');
      if (runtime.wanted.disks) runtime.wanted.disks.problem = messageOf(error);
      return [];
    });
    const { disks } = runtime.wanted;
    if (disks?.desktop === id) disks.list = list;
  },

  async attach({ id, disk, confirmed }, runtime) {
    const { session } = runtime.facts;
    await ask(
      runtime,
      async (client) => {
        const body = { disk, confirmed };
        const path = `/desktops/${id}/attachment`;
        const desktop = await client.call({ method: 'PUT', path, body, answer: Desktop, timeoutMs: ATTACH_MS });
        session?.attachTried.push(id);
        runtime.desktopIs(desktop);
        if (confirmed) leaveDisks(runtime);
      },
      (why) => {
        session?.attachTried.push(id);
        const { disks } = runtime.wanted;
        if (confirmed && disks) Object.assign(disks, { chosen: undefined, list: undefined, problem: why });
      },
    );
  },

  async changeCopy({ wish }, runtime) {
    await ask(
      runtime,
      async (client) => runtime.desktopIs(await request(client, wish)),
      (why) => runtime.notice(wish.id, why),
    );
    runtime.wanted.copies = runtime.wanted.copies.filter((other) => other !== wish);
  },

  async bringBack({ id }, runtime) {
    const { leaving } = runtime.wanted;
    await ask(
      runtime,
      async (client) => {
        const desktop = await request(client, { do: 'move', id, to: 'server' });
        if (leaving) leaving.asked = true;
        runtime.desktopIs(desktop);
      },
      (text) => {
        if (leaving) leaving.failed = { kind: 'told', text };
      },
    );
  },

  async putAway({ id }, runtime) {
    await ask(
      runtime,
      async (client) => {
        const path = `/desktops/${id}/attachment`;
        runtime.desktopIs(await client.call({ method: 'DELETE', path, answer: Desktop, timeoutMs: ATTACH_MS }));
      },
      () => {
        // the next log-in compares the disks instead
        if (runtime.wanted.leaving) runtime.wanted.leaving.since = 0;
      },
    );
  },

  async shutDownHere(_, runtime) {
    await runtime.outside.host?.shutDownHere();
  },
};

/** What a wish is to the server. */
export async function request(client: PinnedClient, wish: CopyWish): Promise<Desktop> {
  const path = `/desktops/${wish.id}`;
  switch (wish.do) {
    case 'pauseCopy':
    case 'resumeCopy': {
      const body = { paused: wish.do === 'pauseCopy' };
      return await client.call({ method: 'PATCH', path: `${path}/attachment`, body, answer: Desktop });
    }
    case 'stopCopy':
      return await client.call({ method: 'DELETE', path: `${path}/attachment?forget=true`, answer: Desktop });
    case 'move':
      return await client.call({ method: 'POST', path: `${path}/move`, body: { to: wish.to }, answer: Desktop });
    case 'cancelMove':
      return await client.call({ method: 'DELETE', path: `${path}/move`, answer: Desktop });
    default:
      throw new UserError(`nothing is known of the wish ${JSON.stringify(wish satisfies never)}`);
  }
}
