/** The screen that belongs to the facts. Pure. */
import type { Display, Facts, SessionFact, Wanted } from './facts.ts';
import type { KioskState, LinkProblem, Screen } from './kiosk/protocol.ts';
import { NETWORK_GRACE_MS, nextSteps, type Step, sentence } from './plan.ts';

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
  if (desktop && facts.viewer.kind === 'shown') return { kind: 'inUse', desktop: desktop.name };
  const lost = lostServer(facts, session);
  if (lost) return { kind: 'serverLost', ...lost, ...(desktop && { desktop: desktop.name }) };
  if (desktop) {
    const step = openingStep(facts, wanted);
    return { kind: 'opening', desktop: desktop.name, step: sentence(step, display.language), since: desktop.since };
  }
  if (!session.desktops) return { kind: 'login', busy: true };
  const { displayName, name } = session.login.user;
  return {
    kind: 'desktops',
    userName: displayName || name,
    desktops: session.desktops,
    ...(display.notice && { notice: display.notice }),
  };
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

function openingStep(facts: Facts, wanted: Wanted): Step {
  const id = wanted.desktop?.id ?? '';
  const name = wanted.desktop?.name ?? '';
  if (facts.viewer.kind === 'opening') return { do: 'openViewer', id, name };
  const steps = nextSteps(facts, wanted);
  const towards = steps.find((s) => 'id' in s && s.id === id && s.do !== 'shutDownDesktop');
  if (towards && !(towards.do === 'waitForDesktop' && towards.why === undefined)) return towards;
  return steps.find((s) => s.do === 'bringTunnelUp') ?? towards ?? { do: 'waitForDesktop', id, name, why: undefined };
}
