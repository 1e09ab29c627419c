/** A desktop whose disk is kept on PCs too, for tests of the runtime's plans and words. */
import type { Attachment, Desktop, Holder, KnownDisk, SyncState } from '#common/protocol/desktop.ts';
import type { HereFact, SessionFact } from '../../../client-runtime/facts.ts';
import { AT, blue, desktop, ID, login, NOW, RUNNING, session } from './situation.ts';

export const PC = 'pc-1';
export const ME = { uuid: PC, name: 'lab-7' };
export const THERE = { uuid: 'pc-2', name: 'lab-9' };
export const DISK = { serial: 'S1', wwn: '', model: 'Disk', bytes: 100 };
export const IN_SYNC: SyncState = { kind: 'inSync' };

export const attachment = (state: SyncState = IN_SYNC, more: Partial<Attachment> = {}): Attachment => ({
  pc: ME,
  disk: DISK,
  state,
  complete: true,
  localHost: { possible: true },
  ...more,
});
export const holder = (pc = ME): Holder => ({ pc, since: AT, generation: 2, reachable: true });
export const known = (more: Partial<KnownDisk> = {}): KnownDisk => ({ pc: ME, disk: DISK, pinned: false, ...more });

/** The person has one desktop, at a PC that keeps copies. */
export const having = (more: Partial<Desktop>, about: Partial<SessionFact> = {}): SessionFact =>
  session(RUNNING, { login: { ...login, pc: PC }, desktops: [{ ...desktop(RUNNING), ...more }], ...about });
export const here = (more: Partial<HereFact> = {}): HereFact => ({
  desktop: ID,
  machine: 'none',
  link: { connected: true, since: NOW - 1000 },
  ...more,
});
export const NO_DISK_YET = here({ desktop: undefined });
export const RUNS_HERE = here({ machine: 'running' });
export const MOVE = { to: 'server', since: AT, phase: 'copyingMemory', percent: 40 } as const;
export const leaving = { since: NOW, asked: false, failed: undefined, anyway: false };
export const looking = { desktop: ID, list: undefined, chosen: undefined, problem: undefined, reopen: false };
export const open = { desktop: blue({ phase: 'inUse', started: true }) };
/** The server's word is old: the connection for events is closed. */
export const away = { events: 'closed' } as const;
