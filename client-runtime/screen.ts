/** The screen that belongs to the facts. Pure. */
import type { Desktop } from '#common/protocol/desktop.ts';
import type { Display, Facts, SessionFact, Wanted, WantedDisk } from './facts.ts';
import type { GoingAway, KioskState, LeavingStep, LinkProblem, Screen } from './kiosk/protocol.ts';
import { isHeldHere, offersOf } from './offers.ts';
import { LEFT_MS, NETWORK_GRACE_MS, nextSteps, type Step } from './plan.ts';
import { keptHere, machineIsHere, runsHere } from './plan-copies.ts';
import { sentence } from './sentences.ts';

export function kioskState(facts: Facts, wanted: Wanted, display: Display, keyboards: readonly string[]): KioskState {
  const { pcName, version, language, keyboard, configProblems } = display;
  return {
    pcName,
    addresses: facts.network.kind === 'up' ? facts.network.addresses : [],
    version,
    ...(display.server !== undefined && { server: display.server }),
    ...(display.serverName !== undefined && { serverName: display.serverName }),
    language,
    keyboard,
    keyboards: [...keyboards],
    configProblems,
    screen: screen(facts, wanted, display),
  };
}

function screen(facts: Facts, wanted: Wanted, display: Display): Screen {
  const away: GoingAway | undefined = wanted.power !== 'on' ? wanted.power : wanted.logOut ? 'logOut' : undefined;
  const leaving = facts.session && away && leavingScreen(facts, facts.session, wanted, away);
  if (leaving) return leaving;
  if (wanted.power !== 'on') return { kind: 'goingDown', action: wanted.power };
  if (facts.session && !wanted.logOut) return sessionScreen(facts, facts.session, wanted, display);
  if (facts.server.kind === 'notConfigured')
    return { kind: 'noServer', problem: { kind: 'noServerConfigured' }, nextTryAt: 0 };
  const network = networkProblem(facts);
  if (network === 'wait') return { kind: 'starting' };
  if (network) return { kind: 'noServer', problem: network, nextTryAt: 0 };
  if (facts.server.kind === 'unknown') return { kind: 'starting' };
  if (facts.server.kind === 'failed')
    return { kind: 'noServer', problem: facts.server.problem, nextTryAt: facts.server.nextTryAt };
  const { loginProblem } = display;
  return { kind: 'login', busy: wanted.logIn !== undefined, ...(loginProblem && { problem: loginProblem }) };
}

/** `wait`: the network is still coming up, as it does after power-on. */
function networkProblem({ network, now }: Facts): LinkProblem | 'wait' | undefined {
  if (network.kind === 'up') return undefined;
  if (network.kind === 'unknown' || now < network.since + NETWORK_GRACE_MS[network.kind]) return 'wait';
  return { kind: network.kind };
}

function sessionScreen(facts: Facts, session: SessionFact, wanted: Wanted, display: Display): Screen {
  const { desktop } = wanted;
  const { viewer } = facts;
  const dark = viewer.kind !== 'closed' && viewer.dark;
  if (desktop && viewer.kind !== 'closed' && !dark && (viewer.frozen || viewer.kind === 'shown'))
    return { kind: 'inUse', desktop: desktop.name };
  const lost = lostServer(facts, session);
  const running = session.desktops?.find((d) => runsHere(facts, d.id));
  if (lost && !(desktop && desktop.id === running?.id)) {
    const here = running && { id: running.id, name: running.name };
    return { kind: 'serverLost', ...lost, ...(desktop && { desktop: desktop.name }), ...(here && { here }) };
  }
  if (desktop) {
    const step = sentence(openingStep(facts, wanted), display.language);
    return { kind: 'opening', desktop: desktop.name, step, since: desktop.since, dark };
  }
  if (!session.desktops) return { kind: 'login', busy: true };
  if (wanted.disks) return disksScreen(session, wanted.disks);
  const { displayName, name } = session.login.user;
  return {
    kind: 'desktops',
    userName: displayName || name,
    desktops: session.desktops.map((d) => asLeft(d, facts)),
    offers: offersOf(session.desktops, session.login.pc),
    ...(display.notice && { notice: display.notice }),
  };
}

function disksScreen({ desktops }: SessionFact, { desktop: id, list, chosen, problem }: WantedDisk): Screen {
  const desktop = desktops?.find((d) => d.id === id);
  return {
    kind: 'disks',
    desktop: { id, name: desktop?.name ?? '', bytes: desktop?.diskBytes ?? 0 },
    busy: chosen !== undefined,
    ...(list && { disks: list }),
    ...(problem !== undefined && { problem }),
  };
}

/** The server goes on counting our own picture for a moment after it closed: that is nobody elsewhere. */
function asLeft(desktop: Desktop, { left, now }: Facts): Desktop {
  const { state } = desktop;
  if (state.kind !== 'running' || left?.desktop !== desktop.id || now >= left.at + LEFT_MS) return desktop;
  return { ...desktop, state: { ...state, viewers: 0 } };
}

/** The desktop on this PC has to go back first, or the person has to decide; undefined: nothing is in the way. */
function leavingScreen(facts: Facts, session: SessionFact, wanted: Wanted, action: GoingAway): Screen | undefined {
  const kept = keptHere(session) ?? session.desktops?.find((d) => runsHere(facts, d.id));
  if (!kept) return undefined;
  const step = leavingStep(facts, session, wanted, kept);
  return step && { kind: 'leaving', action, desktop: kept.name, step };
}

function leavingStep(facts: Facts, session: SessionFact, { leaving }: Wanted, kept: Desktop): LeavingStep | undefined {
  if (leaving?.anyway) return machineIsHere(facts) ? { kind: 'shuttingDown' } : undefined;
  const held = isHeldHere(kept, session.login.pc) || runsHere(facts, kept.id);
  if (!held) return session.events === 'live' && kept.attachment ? { kind: 'finishing' } : undefined;
  if (session.events !== 'live') return { kind: 'asking', why: { kind: 'serverLost' } };
  if (leaving?.failed) return { kind: 'asking', why: leaving.failed };
  const { move, attachment } = kept;
  if (move?.phase === 'preparing' || move?.phase === 'copyingMemory' || !attachment)
    return { kind: 'moving', percent: move?.percent ?? 0 };
  const { state } = attachment;
  if (move && state.kind === 'syncing' && state.to === 'server') {
    const { percent, bytesLeft, secondsLeft } = state;
    return { kind: 'syncing', percent, bytesLeft, ...(secondsLeft !== undefined && { secondsLeft }) };
  }
  if (move) return { kind: 'moving', percent: move.percent };
  if (!leaving?.asked) return { kind: 'moving', percent: 0 };
  return { kind: 'asking', why: { kind: 'told', text: kept.notice?.text ?? 'The move did not work' } };
}

function lostServer(facts: Facts, session: SessionFact): { since: number; problem: LinkProblem } | undefined {
  if (session.events === 'live') return undefined;
  if (facts.server.kind === 'failed') {
    const network = networkProblem(facts);
    const problem = network === undefined || network === 'wait' ? facts.server.problem : network;
    return { since: facts.server.since, problem };
  }
  return undefined;
}

/** Steps that bring a picture nearer; others about the same desktop go on beside. */
const TOWARDS: ReadonlySet<Step['do']> = new Set(['startDesktop', 'waitForDesktop', 'openViewer', 'leaveDesktop']);

function openingStep(facts: Facts, wanted: Wanted): Step {
  const id = wanted.desktop?.id ?? '';
  const name = wanted.desktop?.name ?? '';
  if (facts.viewer.kind === 'opening') return { do: 'openViewer', id, name, place: facts.viewer.place };
  const steps = nextSteps(facts, wanted);
  const towards = steps.find((s) => 'id' in s && s.id === id && TOWARDS.has(s.do));
  if (towards && !(towards.do === 'waitForDesktop' && towards.why === undefined)) return towards;
  return steps.find((s) => s.do === 'bringTunnelUp') ?? towards ?? { do: 'waitForDesktop', id, name, why: undefined };
}
