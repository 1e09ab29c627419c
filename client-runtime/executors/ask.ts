/** What the executors share: requests with the session's token, and what an answer can mean for the session. */
import { messageOf } from '#common/errors.ts';
import { ApiError, LinkError, type PinnedClient } from '#common/http/pinned-client.ts';
import { NOTHING_WANTED } from '../facts.ts';
import type { Runtime } from '../runtime.ts';

/** A request with the session's token: no server and an ended session are dealt with here, the rest is told to `onRefusal`. */
export async function ask(
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
export function refused(error: unknown, runtime: Runtime): boolean {
  const { session } = runtime.facts;
  if (!(error instanceof ApiError) || error.status !== 401 || !session) return false;
  const expired = Date.parse(session.login.expiresAt) <= runtime.now();
  sessionEnded(runtime, expired ? 'expired' : 'revoked');
  return true;
}

export function giveUp(runtime: Runtime, id: string, reason: string): void {
  const { desktop } = runtime.wanted;
  if (desktop?.id !== id) return;
  runtime.wanted.desktop = undefined;
  runtime.display.notice = { kind: 'couldNotOpen', desktop: desktop.name, reason };
}

export function sessionEnded(runtime: Runtime, reason: 'expired' | 'revoked' | 'replaced'): void {
  runtime.log.info({ reason }, 'the session is over');
  endSession(runtime);
  runtime.display.loginProblem = { kind: 'sessionEnded', reason };
  runtime.outside.tunnelDown().catch((err) => runtime.log.error({ err }, 'the tunnel is still up'));
}

/** Forgets everything about the person who was logged in. */
export function endSession(runtime: Runtime): void {
  const { client } = runtime.outside;
  runtime.facts.session = undefined;
  runtime.closeEvents?.();
  runtime.closeEvents = undefined;
  runtime.tunnelPrivateKey = undefined;
  if (client) client.token = undefined;
  const { power } = runtime.wanted;
  runtime.wanted = { ...structuredClone(NOTHING_WANTED), power };
  runtime.facts.left = undefined;
  runtime.outside.host?.disconnect();
  runtime.outside.forgetConfirmations();
  runtime.display.notice = undefined;
  runtime.display.loginProblem = undefined;
  runtime.changed();
}

export function clientOf(runtime: Runtime): PinnedClient {
  const { client } = runtime.outside;
  if (!client) throw new Error('planned a step that needs a server, and none is configured');
  return client;
}

export function problemOf(error: unknown, runtime: Runtime): LinkError['failure'] {
  if (error instanceof LinkError) return error.failure;
  const host = runtime.outside.client?.server ?? '';
  if (error instanceof ApiError) return { kind: 'unreachable', host, detail: error.message };
  throw error;
}
