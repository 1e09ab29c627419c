/** Contact, log-in and log-out, the event stream, the tunnel, power. */
import { messageOf } from '#common/errors.ts';
import { openEventStream } from '#common/http/event-stream.ts';
import { ApiError, LinkError } from '#common/http/pinned-client.ts';
import { LoggedIn, type ServerEvent } from '#common/protocol/client-server.ts';
import { generateKeys } from '#common/wireguard/keys.ts';
import type { LoginProblem } from '../kiosk/protocol.ts';
import { backOffMs } from '../plan.ts';
import type { Runtime } from '../runtime.ts';
import { clientOf, endSession, problemOf, refused, sessionEnded } from './ask.ts';
import type { Executors } from './executors.ts';

/** A log-out must not keep the person waiting, in milliseconds. */
const LOG_OUT_MS = 3_000;

type SessionStep = 'contactServer' | 'logIn' | 'logOut' | 'listen' | 'bringTunnelUp' | 'powerOff' | 'restart';

export const sessionExecutors: Pick<Executors, SessionStep> = {
  async contactServer(_, runtime) {
    try {
      const { serverName } = await clientOf(runtime).hello();
      runtime.display.serverName = serverName;
      runtime.facts.server = { kind: 'answered' };
    } catch (error) {
      runtime.serverFailed(problemOf(error, runtime));
    }
  },

  async logIn(_, runtime) {
    const { logIn } = runtime.wanted;
    if (!logIn) return;
    const keys = generateKeys();
    try {
      const machine = await runtime.outside.machineFacts();
      const body = { ...logIn, machine, tunnelPublicKey: keys.publicKey };
      const client = clientOf(runtime);
      const login = await client.call({ method: 'POST', path: '/sessions', body, answer: LoggedIn });
      client.token = login.token;
      runtime.tunnelPrivateKey = keys.privateKey;
      runtime.facts.session = { login, tunnel: 'down', events: 'closed', desktops: undefined, attachTried: [] };
    } catch (error) {
      if (error instanceof LinkError) runtime.serverFailed(error.failure);
      else runtime.display.loginProblem = loginProblemOf(error, runtime.now());
    } finally {
      runtime.wanted.logIn = undefined;
    }
  },

  async logOut(_, runtime) {
    const { session } = runtime.facts;
    const { client } = runtime.outside;
    if (!session || !client) return;
    const { token } = client;
    endSession(runtime);
    client.token = token;
    try {
      await client.call({ method: 'DELETE', path: '/sessions/current', timeoutMs: LOG_OUT_MS });
    } catch (error) {
      runtime.log.warn(`the server was not told of the log-out: ${messageOf(error)}`); // it expires there
    } finally {
      if (client.token === token) client.token = undefined;
      await runtime.outside.tunnelDown();
    }
  },

  listen(_, runtime) {
    const { session } = runtime.facts;
    if (!session) return Promise.resolve();
    session.events = 'opening';
    return new Promise((done) => {
      const stream = openEventStream(clientOf(runtime), {
        onEvent: (event) => {
          if (runtime.facts.session === session) hear(event, runtime);
          done();
        },
        onEnd: (error) => {
          done();
          if (!error || runtime.facts.session !== session) return;
          if (error instanceof LinkError) runtime.serverFailed(error.failure);
          else if (!refused(error, runtime)) runtime.serverFailed(problemOf(error, runtime));
          runtime.eventsClosed();
        },
      });
      runtime.closeEvents = () => stream.close();
    });
  },

  async bringTunnelUp(_, runtime) {
    const { session } = runtime.facts;
    if (!session?.login.tunnel || runtime.tunnelPrivateKey === undefined) return;
    try {
      await runtime.outside.tunnelUp(session.login.tunnel, runtime.tunnelPrivateKey);
      session.tunnel = 'up';
      runtime.outside.host?.connect(session.login.tunnel);
    } catch (error) {
      runtime.log.error({ err: error }, 'the tunnel did not come up');
      session.tunnel = { failed: messageOf(error), nextTryAt: runtime.now() + backOffMs(3) };
      if (runtime.wanted.desktop) runtime.viewerFailed(runtime.wanted.desktop.id, messageOf(error));
    }
    if (runtime.facts.session !== session) await runtime.outside.tunnelDown();
  },

  async powerOff(_, runtime) {
    await runtime.outside.power('powerOff');
    runtime.facts.goingDown = true;
  },

  async restart(_, runtime) {
    await runtime.outside.power('restart');
    runtime.facts.goingDown = true;
  },
};

function hear(event: ServerEvent, runtime: Runtime): void {
  const { session, server } = runtime.facts;
  if (!session) return;
  if (server.kind === 'failed') {
    runtime.log.info('the server is back');
    runtime.facts.server = { kind: 'answered' };
  }
  switch (event.type) {
    case 'desktops':
      session.events = 'live';
      session.desktops = event.desktops.toSorted((a, b) => a.name.localeCompare(b.name));
      break;
    case 'desktop':
      runtime.desktopIs(event.desktop);
      break;
    case 'desktopRemoved':
      session.desktops = session.desktops?.filter((d) => d.id !== event.id);
      break;
    case 'sessionEnded':
      if (event.reason === 'loggedOut') sessionEnded(runtime, 'revoked');
      else sessionEnded(runtime, event.reason);
      break;
  }
  runtime.changed();
}

function loginProblemOf(error: unknown, now: number): LoginProblem {
  if (!(error instanceof ApiError)) return { kind: 'failed', detail: messageOf(error) };
  if (error.code === 'wrong_login') return { kind: 'wrongLogin' };
  if (error.code === 'locked_out' || error.code === 'too_many_requests')
    return { kind: 'lockedOut', until: now + (error.retryAfterSeconds ?? 60) * 1000 };
  return { kind: 'failed', detail: error.message };
}
