/**
 * What to do next, from what is known and what is wanted. Pure: no I/O, no clock (time is a fact), no randomness.
 * Steps that are returned together may run at the same time. A step that is under way is simply planned again
 * until its effect shows in the facts.
 */
import type { Desktop } from '#common/protocol/client-server.ts';
import type { Facts, SessionFact, Wanted, WantedDesktop } from './facts.ts';
import type { Language, Notice } from './kiosk/protocol.ts';

export type Step =
  | { do: 'contactServer' }
  | { do: 'logIn'; user: string }
  | { do: 'logOut' }
  | { do: 'listen' }
  | { do: 'bringTunnelUp' }
  | { do: 'startDesktop'; id: string; name: string }
  | { do: 'waitForDesktop'; id: string; name: string; why: string | undefined }
  | { do: 'openViewer'; id: string; name: string }
  | { do: 'closeViewer' }
  | { do: 'leaveDesktop'; id: string; name: string; notice: Notice }
  | { do: 'shutDownDesktop'; id: string; name: string }
  | { do: 'powerOff' }
  | { do: 'restart' };

/** After this many attempts to show a desktop, the person is told. */
const MAX_FAILURES = 5;

export function nextSteps(facts: Facts, wanted: Wanted): Step[] {
  if (facts.goingDown) return [];
  if (wanted.power !== 'on') return facts.session ? [{ do: 'logOut' }] : [{ do: wanted.power }];
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
  const tunnel = facts.session?.tunnel;
  if (typeof tunnel === 'object') times.push(tunnel.nextTryAt);
  if (facts.network.kind === 'noCable' || facts.network.kind === 'noAddress' || facts.network.kind === 'noNetworkCard')
    times.push(facts.network.since + NETWORK_GRACE_MS[facts.network.kind]);
  const ahead = times.filter((t) => t !== undefined && t > facts.now) as number[];
  return ahead.length > 0 ? Math.min(...ahead) : undefined;
}

/** How long a network may take to come up before it is called a problem, in milliseconds. */
export const NETWORK_GRACE_MS = { noNetworkCard: 8_000, noCable: 6_000, noAddress: 12_000 } as const;

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
  const keep = facts.session && !wanted.logOut && wanted.desktop?.id === viewer.desktop;
  return keep ? [] : [{ do: 'closeViewer' }];
}

function withSession(facts: Facts, session: SessionFact, wanted: Wanted): Step[] {
  if (wanted.logOut) return [{ do: 'logOut' }];
  if (facts.network.kind !== 'up') return [];
  const steps: Step[] = [];
  if (session.events !== 'live' && serverMayBeTried(facts)) steps.push({ do: 'listen' });
  const { tunnel } = session;
  if (session.login.tunnel && (tunnel === 'down' || (typeof tunnel === 'object' && facts.now >= tunnel.nextTryAt)))
    steps.push({ do: 'bringTunnelUp' });
  if (session.events !== 'live' || !session.desktops) return steps;
  for (const id of wanted.shutDown) {
    const desktop = session.desktops.find((d) => d.id === id);
    steps.push({ do: 'shutDownDesktop', id, name: desktop?.name ?? id });
  }
  if (wanted.desktop) steps.push(...towardsDesktop(facts, session, session.desktops, wanted.desktop));
  return steps;
}

function towardsDesktop(facts: Facts, session: SessionFact, desktops: Desktop[], wanted: WantedDesktop): Step[] {
  if (facts.viewer.kind !== 'closed') return []; // the picture is the best sign of life there is
  const desktop = desktops.find((d) => d.id === wanted.id);
  const { id, name } = wanted;
  const notice = reasonToLeave(desktop, wanted);
  if (notice) return [{ do: 'leaveDesktop', id, name, notice }];
  if (!desktop) return [];
  const { state } = desktop;
  if ((state.kind === 'off' || state.kind === 'failed') && !wanted.started) return [{ do: 'startDesktop', id, name }];
  if (state.kind === 'starting') return [{ do: 'waitForDesktop', id, name, why: state.step }];
  const tunnelReady = session.tunnel === 'up' || !session.login.tunnel;
  if (state.kind !== 'running' || !tunnelReady || !facts.shell || facts.now < wanted.retryAt)
    return [{ do: 'waitForDesktop', id, name, why: undefined }];
  return [{ do: 'openViewer', id, name }];
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

/** What a step does, in words for the person at the PC; the log uses the English ones. */
export function sentence(step: Step, language: Language): string {
  const [en, pt] = words(step);
  return language === 'pt' ? pt : en;
}

function words(step: Step): [en: string, pt: string] {
  switch (step.do) {
    case 'contactServer':
      return ['Contacting the server', 'A contactar o servidor'];
    case 'logIn':
      return ['Logging in', 'A iniciar sessão'];
    case 'logOut':
      return ['Logging out', 'A terminar sessão'];
    case 'listen':
      return ['Asking the server for your desktops', 'A pedir ao servidor os seus ambientes de trabalho'];
    case 'bringTunnelUp':
      return ['Making the connection secure', 'A tornar a ligação segura'];
    case 'startDesktop':
      return [`Starting ${step.name}`, `A iniciar ${step.name}`];
    case 'waitForDesktop':
      return [step.why ?? `Waiting for ${step.name}`, step.why ?? `À espera de ${step.name}`];
    case 'openViewer':
      return [`Connecting to ${step.name}`, `A ligar a ${step.name}`];
    case 'closeViewer':
      return ['Closing the desktop on this screen', 'A fechar o ambiente de trabalho neste ecrã'];
    case 'leaveDesktop':
      return ['Going back to the list', 'A voltar à lista'];
    case 'shutDownDesktop':
      return [`Shutting ${step.name} down`, `A encerrar ${step.name}`];
    case 'powerOff':
      return ['Switching this PC off', 'A desligar este computador'];
    case 'restart':
      return ['Restarting this PC', 'A reiniciar este computador'];
  }
}
