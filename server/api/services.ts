import type { LockOut } from '../accounts/lock-out.ts';
import type { Sessions } from '../accounts/sessions.ts';
import type { Users } from '../accounts/users.ts';
import type { Attachments } from '../attachments/attachments.ts';
import type { Database } from '../database/open.ts';
import type { Hosts } from '../hosts/hosts.ts';
import type { Desktops } from '../inventory/desktops.ts';
import type { Images } from '../inventory/images.ts';
import type { Pcs } from '../inventory/pcs.ts';

/** What the routes work with; put together in main.ts. */
export interface Services {
  database: Database;
  lockOut: LockOut;
  users: Users;
  sessions: Sessions;
  desktops: Desktops;
  images: Images;
  pcs: Pcs;
  hosts: Hosts;
  attachments: Attachments;
  /** ms since the epoch */
  now: () => number;
  serverName: string;
  version: string;
  /** SHA-256 of the token that lets root on the server itself in, see tokens.ts. */
  localTokenHash: string;
  /** Called when the first administrator was made. */
  onSetUp(): Promise<void>;
}
