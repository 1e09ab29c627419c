/** This server as a host of desktops: what a move uses on the server's side, with the same calls as on a PC. */
import { UserError } from '#common/errors.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import { hostFacts } from '#common/hosting/host-facts.ts';
import type { HostNotice } from '#common/protocol/host-link.ts';
import type { DesktopRecord } from '../hosting.ts';
import type { ServerDesktop } from './desktop.ts';

export interface ServerHostOptions {
  /** @throws HostingError for an id that is not known */
  find(id: string): { desktop: ServerDesktop; record: DesktopRecord };
  /** @throws HostingError when a machine of this size cannot be started now */
  requireRoom(desktop: DesktopRecord, what: 'start' | 'arrive'): Promise<void>;
  onNotice(listener: (notice: HostNotice) => void): () => void;
}

export function serverHost({ find, requireRoom, onNotice }: ServerHostOptions): DesktopHost {
  const alwaysThere = async (): Promise<never> => {
    throw new UserError('the server always has the disk: there is nothing to attach or detach');
  };
  return {
    onNotice,
    inspect: async () => ({ localHost: await hostFacts() }),
    attach: alwaysThere,
    cancelAttach: async () => ({}),
    detach: alwaysThere,

    async configure({ desktop: id, resource }) {
      const { desktop, record } = find(id);
      await desktop.replicate((replication) => replication.configure(record, resource));
      return {};
    },
    async setRole({ desktop: id, role }) {
      await find(id).desktop.replicate(({ drbd }) => (role === 'primary' ? drbd.primary() : drbd.secondary()));
      return {};
    },
    async pauseSync({ desktop: id, paused }) {
      await find(id).desktop.replicate(({ drbd }) => (paused ? drbd.pauseSync() : drbd.resumeSync()));
      return {};
    },
    async startIncoming({ desktop: { id } }) {
      const { desktop, record } = find(id);
      await requireRoom(record, 'arrive');
      return await desktop.receive(record);
    },
    async migrateTo({ desktop: id, ...to }, signal) {
      return await find(id).desktop.send(to, signal);
    },
    async cancelMigration({ desktop: id }) {
      await find(id).desktop.cancelSending();
      return {};
    },
    async letRun({ desktop: id }) {
      await find(id).desktop.letRun('arrived');
      return {};
    },
    async takeBack({ desktop: id }) {
      await find(id).desktop.letRun('sent');
      return {};
    },
    async endMachine({ desktop: id }) {
      await find(id).desktop.forceOff();
      return {};
    },
    async shutDown({ desktop: id }) {
      await find(id).desktop.shutDown();
      return {};
    },
    async startMachine({ desktop: { id } }) {
      const { desktop, record } = find(id);
      await requireRoom(record, 'start');
      await desktop.startAndWait(record);
      return {};
    },
  };
}
