import { UserError } from '#common/errors.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import { type HostCallName, HostCalls } from '#common/protocol/host-link.ts';

/** A host did not answer in time; nothing is known of the effect. */
export class CallTimedOut extends UserError {}

export type CallLimits = Record<HostCallName, number | undefined>;

/**
 * Milliseconds that a host may take for an answer; then the call has failed, and facts are gathered anew. Generous: on a
 * loaded machine loading modules, starting QEMU or flushing a disk takes many times as long as usual, and giving up too
 * early costs more than waiting. Undefined: as long as there is progress; who calls watches that.
 */
export const CALL_LIMITS: CallLimits = {
  inspect: 20_000,
  // Reads a fingerprint and, for a disk that knows the desktop, restores the metadata.
  attach: 180_000,
  cancelAttach: 30_000,
  configure: 60_000,
  detach: 180_000,
  setRole: 60_000,
  pauseSync: 30_000,
  startIncoming: 90_000,
  migrateTo: undefined,
  cancelMigration: 30_000,
  letRun: 60_000,
  endMachine: 60_000,
  takeBack: 60_000,
  shutDown: 30_000,
  startMachine: 90_000,
};

type AnyCall = (args: unknown, signal?: AbortSignal) => Promise<unknown>;

/** The same host; a call that takes longer than its limit, or whose signal is aborted, fails at once. */
export function withLimits(host: DesktopHost, name: string, limits: CallLimits): DesktopHost {
  const calls = (Object.keys(HostCalls) as HostCallName[]).map((call) => {
    const limited: AnyCall = (args, signal) => {
      signal?.throwIfAborted();
      return withLimit((host[call] as AnyCall)(args, signal), { name, call, limit: limits[call], signal });
    };
    return [call, limited];
  });
  return { ...(Object.fromEntries(calls) as Pick<DesktopHost, HostCallName>), onNotice: (l) => host.onNotice(l) };
}

/** @throws {@link CallTimedOut}, the signal's reason, or what the work throws */
export async function withLimit<T>(
  work: Promise<T>,
  about: { name: string; call: HostCallName; limit: number | undefined; signal: AbortSignal | undefined },
): Promise<T> {
  const { name, call, limit, signal } = about;
  return await new Promise<T>((resolve, reject) => {
    const late = () => reject(new CallTimedOut(`${name} did not answer within ${(limit ?? 0) / 1000} s (${call})`));
    const timer = limit === undefined ? undefined : setTimeout(late, limit);
    const aborted = () => reject(signal?.reason);
    signal?.addEventListener('abort', aborted, { once: true });
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    });
  });
}
