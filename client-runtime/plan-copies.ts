/** The part of the plan that is about a desktop's copy on this PC, and about leaving the PC with one on it. Pure. */
import type { Desktop, DiskIdentity } from '#common/protocol/desktop.ts';
import type { Facts, Place, SessionFact, Wanted } from './facts.ts';
import { isHeldHere } from './offers.ts';
import type { Step } from './plan.ts';

/** Putting a copy away (its metadata, a fingerprint of the disk) may take this long before the person leaves without. */
export const PUT_AWAY_MS = 60_000;

/** The desktop's machine runs on this PC. */
export function runsHere({ here }: Facts, id: string): boolean {
  return here.desktop === id && (here.machine === 'running' || here.machine === 'migrating');
}

/** Where its picture comes from; undefined: from this PC, but not yet. */
export function placeOf(facts: Facts, session: SessionFact, desktop: Desktop): Place | undefined {
  const told = isHeldHere(desktop, session.login.pc);
  // without news from the server, what runs here is what counts
  if (runsHere(facts, desktop.id) && (told || session.events !== 'live')) return 'here';
  return told ? undefined : 'server';
}

/** The desktop that this PC keeps: it runs from this PC's disk, or has its copy there. */
export function keptHere({ desktops, login: { pc } }: SessionFact): Desktop | undefined {
  if (pc === undefined) return undefined;
  const held = desktops?.find((d) => isHeldHere(d, pc));
  return held ?? desktops?.find((d) => d.attachment?.pc.uuid === pc);
}

export function copySteps(facts: Facts, session: SessionFact, wanted: Wanted): Step[] {
  const steps: Step[] = wanted.copies.map((wish) => ({ do: 'changeCopy', id: wish.id, wish }));
  if (wanted.disks) {
    const { desktop: id, list, chosen } = wanted.disks;
    const desktop = session.desktops?.find((d) => d.id === id);
    if (!list && desktop) steps.push({ do: 'listDisks', id, bytes: desktop.diskBytes });
    if (chosen && facts.here.link.connected) steps.push({ do: 'attach', id, disk: chosen, confirmed: true });
  }
  const known = knownDisk(facts, session, wanted);
  if (known) steps.push({ do: 'attach', ...known, confirmed: false });
  return steps;
}

/** The desktop that is opened, with the disk of this PC that was chosen for it before, and is not in use yet. */
function knownDisk(facts: Facts, session: SessionFact, wanted: Wanted): { id: string; disk: DiskIdentity } | undefined {
  const { pc } = session.login;
  const desktop = session.desktops?.find((d) => d.id === wanted.desktop?.id);
  if (!desktop || pc === undefined || !facts.here.link.connected || facts.here.desktop !== undefined) return undefined;
  if (session.attachTried.includes(desktop.id) || wanted.disks) return undefined;
  const { attachment } = desktop;
  if (attachment && (attachment.pc.uuid !== pc || attachment.state.kind !== 'disconnected')) return undefined;
  const other = keptHere(session);
  if (other && other.id !== desktop.id) return undefined;
  const disks = (desktop.knownDisks ?? []).filter((k) => k.pc.uuid === pc && !k.aside);
  const [best] = disks.toSorted((a, b) => (b.lastUsedAt ?? '').localeCompare(a.lastUsedAt ?? ''));
  return best && { id: desktop.id, disk: best.disk };
}

/** Before the log-out: what a desktop on this PC needs. `leave`: nothing more. */
export function leavingSteps(facts: Facts, session: SessionFact, wanted: Wanted): Step[] | 'leave' {
  const kept = keptHere(session);
  const { leaving } = wanted;
  if (leaving?.anyway) return machineIsHere(facts) ? [{ do: 'shutDownHere' }] : 'leave';
  if (!kept) return machineIsHere(facts) && session.events !== 'live' ? [] : 'leave';
  if (isHeldHere(kept, session.login.pc)) {
    const ask = session.events === 'live' && !kept.move && !leaving?.asked && !leaving?.failed;
    return ask ? [{ do: 'bringBack', id: kept.id }] : [];
  }
  const late = leaving !== undefined && facts.now - leaving.since > PUT_AWAY_MS;
  if (late || session.events !== 'live') return 'leave';
  return kept.attachment?.state.kind === 'detaching' || kept.move ? [] : [{ do: 'putAway', id: kept.id }];
}

/** A desktop is held here still: however long the way back takes, the time for putting its copy away begins after it. */
export function bringsBack({ session }: Facts): boolean {
  const kept = session && keptHere(session);
  return kept !== undefined && isHeldHere(kept, session?.login.pc);
}

export function machineIsHere({ here }: Facts): boolean {
  return here.machine !== 'none' && here.machine !== 'failed';
}
