import type { View } from '../control/protocol.ts';

/** The panel's icon: where the desktop is, that it moves, that the connection is cut, or that nobody answers. */
export type IconName = 'server' | 'pc' | 'moving' | 'cut' | 'away';

export function iconFor(view: View | undefined): IconName {
  const status = view?.status;
  if (view === undefined || status === undefined || view.host.kind !== 'there') return 'away';
  if (status.move) return 'moving';
  if (status.pc && !status.link.connected) return 'cut';
  return status.place;
}
