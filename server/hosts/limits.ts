import type { HostCallName } from '#common/protocol/host-link.ts';

/**
 * Milliseconds that a host may take for an answer; then the call has failed, and facts are gathered anew. Generous: on a
 * loaded machine loading modules, starting QEMU or flushing a disk takes many times as long as usual, and giving up too
 * early costs more than waiting. Undefined: as long as there is progress; who calls watches that.
 */
export const CALL_LIMITS: Record<HostCallName, number | undefined> = {
  inspect: 20_000,
  // Reads a fingerprint and, for a disk that knows the desktop, restores the metadata.
  attach: 180_000,
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
