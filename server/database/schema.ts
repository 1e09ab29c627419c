/** The tables as Kysely sees them. Times are milliseconds since the epoch; what has a `phase` is whole when `ready`. */
import type { Role } from '#common/protocol/client-server.ts';
import type { Firmware } from '#common/protocol/desktop.ts';

export interface UserRow {
  name: string;
  display_name: string;
  role: Role;
  /** PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
  password_hash: string;
  created_at: number;
}

export interface SessionRow {
  id: string;
  user: string;
  /** Lower-case hex SHA-256 of the token; the token itself is kept nowhere. */
  token_hash: string;
  created_at: number;
  expires_at: number;
  last_seen_at: number;
  peer: string;
  /** What the PC told about itself (MachineFacts as JSON). */
  machine: string | null;
  tunnel_public_key: string | null;
  tunnel_address: string | null;
  /** The PC it is from, see {@link PcRow}; null for what is none (the command line), or has no identity. */
  pc: string | null;
}

export interface ImageRow {
  name: string;
  firmware: Firmware;
  disk_bytes: number;
  /** Of the raw disk; empty until `ready`. */
  sha256: string;
  created_at: number;
  phase: 'importing' | 'ready' | 'deleting';
}

export interface DesktopRow {
  id: string;
  name: string;
  owner: string;
  image: string;
  firmware: Firmware;
  memory_mib: number;
  cpus: number;
  disk_bytes: number;
  created_at: number;
  phase: 'creating' | 'ready' | 'deleting';
  /** Number of its DRBD device, 1 and up; its TCP ports are counted from it. */
  minor: number;
  /** The PC whose copy counts; null: the server's. */
  holder_pc: string | null;
  holder_since: number | null;
  /** 1: the PC that holds it has every block, and may go on without the server. Never back to 0 while it holds it. */
  holder_complete: 0 | 1;
  /** Grows with every change of the holder. */
  generation: number;
  /** Grows whenever the server's DRBD metadata begins anew with somebody: what was saved before is worth nothing. */
  pairing: number;
  notice_at: number | null;
  notice_text: string | null;
}

/** A PC that has logged in. */
export interface PcRow {
  /** DMI UUID, or `mac-…` where that is none. */
  uuid: string;
  name: string;
  last_seen_at: number;
  /** MachineFacts.disks as JSON. */
  disks: string;
  /** Serial numbers or WWNs as JSON. */
  pins: string;
  limit_kibps: number | null;
}

/** A disk of a PC that a desktop is, or was, kept on too. */
export interface AttachmentRow {
  desktop: string;
  pc: string;
  serial: string;
  wwn: string;
  model: string;
  disk_bytes: number;
  wanted: 'attached' | 'detached';
  /** 1: the PC has attached it, so that it holds this desktop: the next time needs no question. */
  written: 0 | 1;
  /** 1: the disk had every block once. */
  whole: 0 | 1;
  /** 1: so what DRBD begins anew with it now, it compares before it sends. */
  compare: 0 | 1;
  /** 1: the server went on without this PC while that held the desktop: its end is worth nothing, and begins anew. */
  renew: 0 | 1;
  paused: 0 | 1;
  limit_kibps: number | null;
  /** Of both ends of DRBD; new with every attachment. */
  secret: string;
  /** Consent as JSON: why the disk may be written. */
  consent: string;
  used_at: number;
  /** SavedMetadata as JSON, compressed with zstd. */
  saved: Uint8Array | null;
  /** `pairing` of the desktop when it was saved. */
  saved_pairing: number | null;
  /** The copy on this disk is newer than the server's in part, and was given up by an administrator then. */
  aside_at: number | null;
  aside_text: string | null;
}

export interface LoginFailureRow {
  /** `user NAME` or `address ADDRESS`. */
  subject: string;
  failures: number;
  last_failure_at: number;
  locked_until: number;
}

export interface SettingRow {
  key: string;
  value: string;
}

export interface Tables {
  users: UserRow;
  sessions: SessionRow;
  images: ImageRow;
  desktops: DesktopRow;
  pcs: PcRow;
  attachments: AttachmentRow;
  login_failures: LoginFailureRow;
  settings: SettingRow;
}
