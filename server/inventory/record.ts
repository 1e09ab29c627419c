import type { HostedDesktop } from '#common/protocol/host-link.ts';
import type { DesktopRow } from '../database/schema.ts';
import type { DesktopRecord } from '../hosting.ts';

export function recordOf(row: DesktopRow): DesktopRecord {
  return { ...hostedOf(row), image: row.image, minor: row.minor };
}

/** What any host has to know to run it. */
export function hostedOf(row: DesktopRow): HostedDesktop {
  return {
    id: row.id,
    name: row.name,
    owner: row.owner,
    firmware: row.firmware,
    memoryMiB: row.memory_mib,
    cpus: row.cpus,
    diskBytes: row.disk_bytes,
  };
}
