/**
 * A host of desktops as the server's planner sees it: the server's own hosting, or a PC behind its link. A move is the
 * same code with two of these swapped.
 */
import type { HostAnswer, HostArgs, HostCallName, HostNotice } from '#common/protocol/host-link.ts';

/** One method a call of the host link; failures are `UserError`s with words for people. */
export type DesktopHost = {
  readonly [K in HostCallName]: (args: HostArgs<K>, signal?: AbortSignal) => Promise<HostAnswer<K>>;
} & {
  /** Returns: stop listening. */
  onNotice(listener: (notice: HostNotice) => void): () => void;
};
