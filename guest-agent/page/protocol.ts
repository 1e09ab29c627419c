/** What the page and its window say to each other: through WebKit's message handler, or over a WebSocket. */
import type { Wish } from '#common/protocol/host-guest.ts';
import type { View } from '../control/protocol.ts';

export type ToPage =
  | { say: 'view'; view: View }
  /** The agent's service does not run, since (ms since the epoch). */
  | { say: 'noService'; since: number }
  | { say: 'answer'; id: number; error?: { message: string; hint?: string } };

export interface FromPage {
  id: number;
  wish: Wish;
}
