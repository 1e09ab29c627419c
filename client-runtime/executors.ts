/** How each step is done. A mapped type: a step without an executor does not compile. */

import { messageOf } from '#common/errors.ts';
import { openEventStream } from '#common/http/event-stream.ts';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import { ApiError, LinkError } from '#common/http/pinned-client.ts';
import { Desktop, LoggedIn, type ServerEvent, ViewerTicket } from '#common/protocol/client-server.ts';
import { generateKeys } from '#common/wireguard/keys.ts';
import type { LoginProblem } from './kiosk/protocol.ts';
import { backOffMs, type Step } from './plan.ts';
import type { Runtime } from './runtime.ts';

/** Waiting is the one step that nobody carries out. */
type Doable = Exclude<Step, { do: 'waitForDesktop' }>;
export type Executors = {
  [K in Doable['do']]: (step: Extract<Doable, { do: K }>, runtime: Runtime) => Promise<void>;
};

/** A log-out must not keep the person waiting, in milliseconds. */
const LOG_OUT_MS = 3_000;
const BACK_LABEL = { en: 'Back to my desktops', pt: 'Voltar aos meus ambientes' } as const;

export const executors: Executors = {
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
      runtime.facts.session = { login, tunnel: 'down', events: 'closed', desktops: undefined };
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
    } catch (error) {
      runtime.log.error({ err: error }, 'the tunnel did not come up');
      session.tunnel = { failed: messageOf(error), nextTryAt: runtime.now() + backOffMs(3) };
      if (runtime.wanted.desktop) runtime.viewerFailed(runtime.wanted.desktop.id, messageOf(error));
    }
    if (runtime.facts.session !== session) await runtime.outside.tunnelDown();
  },

  async startDesktop({ id }, runtime) {
    await ask(
      runtime,
      async (client) => {
        const desktop = await client.call({ method: 'POST', path: `/desktops/${id}/start`, answer: Desktop });
        if (runtime.wanted.desktop?.id === id) runtime.wanted.desktop.started = true;
        runtime.desktopIs(desktop);
      },
      (why) => giveUp(runtime, id, why),
    );
  },

  async openViewer({ id, name }, runtime) {
    await ask(
      runtime,
      async (client) => {
        const ticket = await client.call({ method: 'POST', path: `/desktops/${id}/viewer`, answer: ViewerTicket });
        if (runtime.wanted.desktop?.id !== id || runtime.facts.viewer.kind !== 'closed') return;
        const { host, port, password } = ticket;
        const backLabel = BACK_LABEL[runtime.display.language];
        if (runtime.outside.tellShell({ do: 'openViewer', host, port, password, title: name, backLabel }))
          runtime.facts.viewer = { kind: 'opening', desktop: id };
        else runtime.viewerFailed(id, 'there is no screen program');
      },
      (why) => runtime.viewerFailed(id, why),
    );
  },

  async closeViewer(_, runtime) {
    runtime.outside.tellShell({ do: 'closeViewer' });
    runtime.facts.viewer = { kind: 'closed' };
  },

  async leaveDesktop({ notice }, runtime) {
    runtime.wanted.desktop = undefined;
    runtime.display.notice = notice;
  },

  async shutDownDesktop({ id, name }, runtime) {
    await ask(
      runtime,
      async (client) => {
        runtime.desktopIs(await client.call({ method: 'POST', path: `/desktops/${id}/shut-down`, answer: Desktop }));
      },
      (reason) => {
        runtime.display.notice = { kind: 'desktopFailed', desktop: name, reason };
      },
    );
    runtime.wanted.shutDown = runtime.wanted.shutDown.filter((other) => other !== id);
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

/** A request with the session's token: no server and an ended session are dealt with here, the rest is told to `onRefusal`. */
async function ask(
  runtime: Runtime,
  request: (client: PinnedClient) => Promise<void>,
  onRefusal: (why: string) => void,
): Promise<void> {
  const { session } = runtime.facts;
  try {
    await request(clientOf(runtime));
  } catch (error) {
    if (runtime.facts.session !== session) return; // logged out meanwhile
    if (error instanceof LinkError) {
      runtime.serverFailed(error.failure);
      runtime.eventsClosed();
    } else if (!refused(error, runtime)) {
      runtime.log.warn(`the server refused: ${messageOf(error)}`);
      onRefusal(messageOf(error));
    }
  }
}

/** Ends the session here if the server says that it is over. */
function refused(error: unknown, runtime: Runtime): boolean {
  const { session } = runtime.facts;
  if (!(error instanceof ApiError) || error.status !== 401 || !session) return false;
  const expired = Date.parse(session.login.expiresAt) <= runtime.now();
  sessionEnded(runtime, expired ? 'expired' : 'revoked');
  return true;
}

function giveUp(runtime: Runtime, id: string, reason: string): void {
  const { desktop } = runtime.wanted;
  if (desktop?.id !== id) return;
  runtime.wanted.desktop = undefined;
  runtime.display.notice = { kind: 'couldNotOpen', desktop: desktop.name, reason };
}

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

function sessionEnded(runtime: Runtime, reason: 'expired' | 'revoked' | 'replaced'): void {
  runtime.log.info({ reason }, 'the session is over');
  endSession(runtime);
  runtime.display.loginProblem = { kind: 'sessionEnded', reason };
  runtime.outside.tunnelDown().catch((err) => runtime.log.error({ err }, 'the tunnel is still up'));
}

/** Forgets everything about the person who was logged in. */
function endSession(runtime: Runtime): void {
  const { client } = runtime.outside;
  runtime.facts.session = undefined;
  runtime.closeEvents?.();
  runtime.closeEvents = undefined;
  runtime.tunnelPrivateKey = undefined;
  if (client) client.token = undefined;
  runtime.wanted = { ...runtime.wanted, logIn: undefined, logOut: false, desktop: undefined, shutDown: [] };
  runtime.display.notice = undefined;
  runtime.display.loginProblem = undefined;
  runtime.changed();
}

function clientOf(runtime: Runtime): PinnedClient {
  const { client } = runtime.outside;
  if (!client) throw new Error('planned a step that needs a server, and none is configured');
  return client;
}

function problemOf(error: unknown, runtime: Runtime): LinkError['failure'] {
  if (error instanceof LinkError) return error.failure;
  const host = runtime.outside.client?.server ?? '';
  if (error instanceof ApiError) return { kind: 'unreachable', host, detail: error.message };
  throw error;
}

function loginProblemOf(error: unknown, now: number): LoginProblem {
  if (!(error instanceof ApiError)) return { kind: 'failed', detail: messageOf(error) };
  if (error.code === 'wrong_login') return { kind: 'wrongLogin' };
  if (error.code === 'locked_out' || error.code === 'too_many_requests')
    return { kind: 'lockedOut', until: now + (error.retryAfterSeconds ?? 60) * 1000 };
  return { kind: 'failed', detail: error.message };
}
