/**
 * What to do next, from what is known and what is wanted. Pure: no I/O, no clock (time is a fact), no randomness.
 * Steps that are returned together may run at the same time. A step that is under way is simply planned again
 * until its effect shows in the facts.
 */
import type { Desktop, DiskIdentity } from '#common/protocol/desktop.ts';
import type { CopyWish, Facts, OpenViewer, Place, SessionFact, Wanted, WantedDesktop } from './facts.ts';
import type { Notice } from './kiosk/protocol.ts';
import { isHeldHere } from './offers.ts';
import { copySteps, leavingSteps, machineIsHere, PUT_AWAY_MS, placeOf } from './plan-copies.ts';

export type Step =
  | { do: 'contactServer' }
  | { do: 'logIn'; user: string }
  | { do: 'logOut' }
  | { do: 'listen' }
  | { do: 'bringTunnelUp' }
  | { do: 'startDesktop'; id: string; name: string }
  | { do: 'waitForDesktop'; id: string; name: string; why: string | undefined }
  | { do: 'openViewer'; id: string; name: string; place: Place }
  | { do: 'closeViewer' }
  | { do: 'leaveDesktop'; id: string; name: string; notice: Notice }
  | { do: 'shutDownDesktop'; id: string; name: string }
  | { do: 'listDisks'; id: string; bytes: number }
  | { do: 'attach'; id: string; disk: DiskIdentity; confirmed: boolean }
  | { do: 'changeCopy'; id: string; wish: CopyWish }
  | { do: 'bringBack'; id: string }
  | { do: 'putAway'; id: string }
  | { do: 'shutDownHere' }
  | { do: 'powerOff' }
  | { do: 'restart' };

/** After this many attempts to show a desktop, the person is told. */
const MAX_FAILURES = 5;

export function nextSteps(facts: Facts, wanted: Wanted): Step[] {
  if (facts.goingDown) return [];
  if (wanted.power !== 'on' && !facts.session) return [{ do: machineIsHere(facts) ? 'shutDownHere' : wanted.power }];
  const steps = viewerToClose(facts, wanted);
  if (facts.session) return [...steps, ...withSession(facts, facts.session, wanted)];
  if (facts.network.kind !== 'up') return steps;
  if (serverMayBeTried(facts) && facts.server.kind !== 'answered') return [...steps, { do: 'contactServer' }];
  if (facts.server.kind === 'answered' && wanted.logIn) return [...steps, { do: 'logIn', user: wanted.logIn.user }];
  return steps;
}

/** When to plan again although nothing has happened; undefined: not by time. */
export function nextDeadline(facts: Facts, wanted: Wanted): number | undefined {
  const times = [wanted.desktop?.retryAt];
  if (facts.server.kind === 'failed') times.push(facts.server.nextTryAt);
  const { viewer, left, session } = facts;
  const notice = session?.desktops?.find((d) => d.id === wanted.desktop?.id)?.notice;
  if (notice) times.push(Date.parse(notice.at) + NOTICE_MS);
  if (viewer.kind === 'lost') times.push(viewer.since + FREEZE_MS, viewer.since + FOLLOW_MS);
  if (left) times.push(left.at + LEFT_MS);
  if (wanted.leaving) times.push(wanted.leaving.since + PUT_AWAY_MS);
  const tunnel = session?.tunnel;
  if (typeof tunnel === 'object') times.push(tunnel.nextTryAt);
  if (facts.network.kind === 'noCable' || facts.network.kind === 'noAddress' || facts.network.kind === 'noNetworkCard')
    times.push(facts.network.since + NETWORK_GRACE_MS[facts.network.kind]);
  const ahead = times.filter((t) => t !== undefined && t > facts.now) as number[];
  return ahead.length > 0 ? Math.min(...ahead) : undefined;
}

/** How long a network may take to come up before it is called a problem, in milliseconds. */
export const NETWORK_GRACE_MS = { noNetworkCard: 8_000, noCable: 6_000, noAddress: 12_000 } as const;

/** A picture whose connection ended stands still for this long, in milliseconds: a desktop that shuts down tells so. */
export const FREEZE_MS = 1_500;
/** The same while the desktop moves: the picture comes back from the other place. */
export const FOLLOW_MS = 8_000;
/** After our own picture closed, the server may count it as seen for this long, in milliseconds. */
export const LEFT_MS = 15_000;

/** How long a notice about a move that did not work stays in sight over the desktop, in milliseconds. */
export const NOTICE_MS = 20_000;

/** Seconds between attempts to reach the server: quick at first, at most 10. */
export function backOffMs(failures: number): number {
  return ([1, 2, 3, 5, 8][failures - 1] ?? 10) * 1000;
}

function serverMayBeTried(facts: Facts): boolean {
  if (facts.server.kind === 'notConfigured') return false;
  return facts.server.kind !== 'failed' || facts.now >= facts.server.nextTryAt;
}

function viewerToClose(facts: Facts, wanted: Wanted): Step[] {
  const { viewer } = facts;
  if (viewer.kind === 'closed') return [];
  const keep = facts.session && !wanted.logOut && wanted.power === 'on' && wanted.desktop?.id === viewer.desktop;
  return keep ? [] : [{ do: 'closeViewer' }];
}

function withSession(facts: Facts, session: SessionFact, wanted: Wanted): Step[] {
  const steps: Step[] = facts.network.kind === 'up' ? linkSteps(facts, session) : [];
  if (wanted.logOut || wanted.power !== 'on') {
    const before = leavingSteps(facts, session, wanted);
    return before === 'leave' ? [{ do: 'logOut' }] : [...steps, ...before];
  }
  if (session.desktops && wanted.desktop && session.events !== 'live')
    steps.push(...pictureOfHere(facts, session, session.desktops, wanted.desktop));
  if (facts.network.kind !== 'up' || session.events !== 'live' || !session.desktops) return steps;
  for (const id of wanted.shutDown) {
    const desktop = session.desktops.find((d) => d.id === id);
    steps.push({ do: 'shutDownDesktop', id, name: desktop?.name ?? id });
  }
  steps.push(...copySteps(facts, session, wanted));
  if (wanted.desktop) steps.push(...towardsDesktop(facts, session, session.desktops, wanted.desktop));
  return steps;
}

function linkSteps(facts: Facts, session: SessionFact): Step[] {
  const steps: Step[] = [];
  if (session.events !== 'live' && serverMayBeTried(facts)) steps.push({ do: 'listen' });
  const { tunnel } = session;
  if (session.login.tunnel && (tunnel === 'down' || (typeof tunnel === 'object' && facts.now >= tunnel.nextTryAt)))
    steps.push({ do: 'bringTunnelUp' });
  return steps;
}

/** The server is away: a desktop that runs on this PC can be seen all the same, any other picture stays while it lives. */
function pictureOfHere(facts: Facts, session: SessionFact, desktops: Desktop[], wanted: WantedDesktop): Step[] {
  const desktop = desktops.find((d) => d.id === wanted.id);
  if (!desktop) return [];
  const place = placeOf(facts, session, desktop);
  if (place === 'here') return pictureSteps(facts, desktop, wanted, place);
  const { viewer } = facts;
  return viewer.kind === 'lost' && facts.now >= viewer.since + FREEZE_MS ? [{ do: 'closeViewer' }] : [];
}

function towardsDesktop(facts: Facts, session: SessionFact, desktops: Desktop[], wanted: WantedDesktop): Step[] {
  const { viewer } = facts;
  const desktop = desktops.find((d) => d.id === wanted.id);
  const { id, name } = wanted;
  const place = desktop && placeOf(facts, session, desktop);
  // the picture is the best sign of life there is
  if (viewer.kind === 'opening' || viewer.kind === 'shown')
    return place === undefined || place === viewer.place ? [] : pictureSteps(facts, desktop, wanted, place);
  const notice = reasonToLeave(desktop, wanted);
  if (notice) return [{ do: 'leaveDesktop', id, name, notice }];
  if (!desktop) return [];
  if (isHeldHere(desktop, session.login.pc) && isBeingOpened(facts, session, desktop))
    return [{ do: 'waitForDesktop', id, name, why: 'Opening the copy on this PC' }];
  const { state } = desktop;
  if ((state.kind === 'off' || state.kind === 'failed') && !wanted.started) return [{ do: 'startDesktop', id, name }];
  if (state.kind === 'starting') return [{ do: 'waitForDesktop', id, name, why: state.step }];
  const tunnelReady = place === 'here' || session.tunnel === 'up' || !session.login.tunnel;
  if (state.kind !== 'running' || !tunnelReady || place === undefined)
    return [...thaw(facts, desktop, place), { do: 'waitForDesktop', id, name, why: undefined }];
  return pictureSteps(facts, desktop, wanted, place);
}

/** Its newest state is on a disk of this PC that is not open yet: neither we nor the server can start it before. */
function isBeingOpened({ here }: Facts, { attachTried }: SessionFact, { id, attachment }: Desktop): boolean {
  if (!attachment || attachment.state.kind === 'failed') return !attachTried.includes(id);
  return here.desktop !== id || attachment.state.kind === 'preparing';
}

/** Opens the picture at a place, also over the one of another place, which stays until the new one is there. */
function pictureSteps(facts: Facts, desktop: Desktop | undefined, wanted: WantedDesktop, place: Place): Step[] {
  const { viewer } = facts;
  const { id, name } = wanted;
  if (viewer.kind !== 'closed' && viewer.kind !== 'lost' && viewer.place === place) return [];
  const stop = thaw(facts, desktop, place);
  if (stop.length > 0) return stop;
  if (!facts.shell || facts.now < wanted.retryAt) return [{ do: 'waitForDesktop', id, name, why: undefined }];
  return [{ do: 'openViewer', id, name, place }];
}

/** Takes a picture away that has stood still for too long. */
function thaw({ viewer, now }: Facts, desktop: Desktop | undefined, place: Place | undefined): Step[] {
  if (viewer.kind !== 'lost') return [];
  const limit = isFollowing(viewer, desktop, place) ? FOLLOW_MS : FREEZE_MS;
  return now >= viewer.since + limit ? [{ do: 'closeViewer' }] : [];
}

/** The picture ended because the desktop is on its way to the other place, or has arrived there. */
export function isFollowing(viewer: OpenViewer, desktop: Desktop | undefined, place: Place | undefined): boolean {
  return desktop?.move !== undefined || viewer.place !== place;
}

function reasonToLeave(desktop: Desktop | undefined, wanted: WantedDesktop): Notice | undefined {
  const { name } = wanted;
  if (!desktop) return { kind: 'couldNotOpen', desktop: name, reason: 'it was deleted' };
  const { state } = desktop;
  if (wanted.failures >= MAX_FAILURES) return { kind: 'couldNotOpen', desktop: name, reason: wanted.lastFailure };
  if (wanted.phase === 'inUse') {
    if (state.kind === 'off') return { kind: 'desktopShutDown', desktop: name };
    if (state.kind === 'failed') return { kind: 'desktopFailed', desktop: name, reason: state.reason };
    return undefined;
  }
  if (!wanted.started) return undefined;
  if (state.kind === 'failed') return { kind: 'couldNotOpen', desktop: name, reason: state.reason };
  if (state.kind === 'off') return { kind: 'couldNotOpen', desktop: name, reason: 'it was switched off meanwhile' };
  return undefined;
}
