/** The tables as Kysely sees them. Times are milliseconds since the epoch; what has a `phase` is whole when `ready`. */
import type { Firmware, Role } from '#common/protocol/client-server.ts';

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
  login_failures: LoginFailureRow;
  settings: SettingRow;
}
