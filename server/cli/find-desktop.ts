import { Type } from 'typebox';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import { Desktop } from '#common/protocol/desktop.ts';

/** A desktop by name or ID. The name goes first; a person who is no administrator only finds their own. */
export async function findDesktop(client: PinnedClient, which: string): Promise<Desktop> {
  const desktops = await client.call({ path: '/desktops', answer: Type.Array(Desktop) });
  const found = desktops.find((d) => d.name === which) ?? desktops.find((d) => d.id === which);
  return found ?? (await client.call({ path: `/desktops/${encodeURIComponent(which)}`, answer: Desktop }));
}
