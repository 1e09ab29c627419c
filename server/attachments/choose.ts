/** Choosing a disk of a PC: who may, which disk it is, and why it may be overwritten. Pure. */
import type { MachineFacts } from '#common/protocol/client-server.ts';
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import type { Consent } from '#common/protocol/host-link.ts';
import type { Principal } from '../accounts/sessions.ts';
import type { AttachmentRow, DesktopRow, PcRow, SessionRow } from '../database/schema.ts';
import { Problem } from '../problem.ts';
import { sameDisk } from './store.ts';
import { isPinned } from './view.ts';

export const MOVE_FIRST = { hint: 'Move it to the server first.' };

export type PcSession = SessionRow & { pc: string; machine: string };

/** The session of the PC that asks, if it is one, and its person owns the desktop. @throws Problem */
export function pcSession(principal: Principal, row: DesktopRow): PcSession {
  if (principal.kind !== 'session' || principal.user !== row.owner) {
    throw new Problem('forbidden', `only ${row.owner} can keep ${row.name} on a PC, from a session there`);
  }
  const { session } = principal;
  if (session.tunnel_address === null || session.machine === null) {
    throw new Problem('conflict', 'this is not the session of a PC', {
      hint: 'Log in on a PC that was started from the FlexDeploy medium.',
    });
  }
  if (session.pc === null) {
    throw new Problem('conflict', 'this PC cannot be told from others: it has no UUID and no network card');
  }
  return session as PcSession;
}

/** The disk as the PC told it at its log-in. @throws Problem when it is none that could be taken */
export function diskOfSession({ machine }: PcSession, wanted: DiskIdentity, row: DesktopRow): DiskIdentity {
  const facts = JSON.parse(machine) as MachineFacts;
  if (wanted.serial === '' && wanted.wwn === '') {
    throw new Problem('conflict', 'this disk has neither a serial number nor a WWN, so it cannot be told from others');
  }
  const same = facts.disks.filter(
    (d) => d.serial === wanted.serial && d.wwn === wanted.wwn && d.bytes === wanted.bytes,
  );
  const [disk] = same;
  if (!disk) throw new Problem('conflict', 'this PC has no such disk', { hint: 'Log in again after changing disks.' });
  if (same.length > 1) throw new Problem('conflict', 'this PC has two disks that cannot be told apart');
  if (disk.removable) throw new Problem('conflict', 'this disk is removable');
  if (disk.bytes < row.disk_bytes) {
    throw new Problem(
      'conflict',
      `this disk is too small: it has ${disk.bytes} bytes, and ${row.name} ${row.disk_bytes}`,
    );
  }
  return { serial: disk.serial, wwn: disk.wwn, model: disk.model, bytes: disk.bytes };
}

export interface Choice {
  session: PcSession;
  disk: DiskIdentity;
  /** The person said so at the PC, seeing what is on the disk. */
  confirmed: boolean;
  /** All that is known of disks of this PC, for any desktop. */
  ofPc: readonly AttachmentRow[];
  desktop: string;
  pc: PcRow | undefined;
}

/** @throws Problem when nobody has said that the disk may be overwritten, or it holds something that must not be */
export function consentFor({ session, disk, confirmed, ofPc, desktop, pc }: Choice): Consent {
  if (confirmed) return { kind: 'person', note: `confirmed by ${session.user} at this PC` };
  const there = ofPc.filter((row) => sameDisk(row, disk));
  const aside = there.find((row) => row.aside_at !== null);
  if (aside) {
    throw new Problem('conflict', `what is on this disk was put aside: ${aside.aside_text}`, {
      hint: 'To overwrite it all the same, confirm at the PC.',
    });
  }
  if (there.some((row) => row.desktop === desktop && row.written === 1)) return { kind: 'holdsThisDesktop' };
  if (isPinned(pc, disk)) return { kind: 'pinned' };
  throw new Problem('conflict', 'nobody has said yet that this disk may be overwritten', {
    hint: 'Confirm at the PC, or have an administrator pin the disk.',
  });
}
