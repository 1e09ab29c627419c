import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../accounts/sessions.ts';
import { hashToken, sameSecret } from '../accounts/tokens.ts';
import { Problem } from '../problem.ts';
import type { Services } from './services.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set on every route behind {@link requireToken}. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** Only for administrators. */
    admin?: boolean;
  }
}

/** Lets only requests with a good token through to the routes of this scope; those with `admin` need the role. */
export function requireToken(scope: FastifyInstance, services: Services): void {
  scope.addHook('onRequest', async (request) => {
    request.principal = await principalOf(request.headers.authorization, services);
    if (request.routeOptions.config.admin && request.principal.role !== 'admin') {
      throw new Problem('forbidden', 'only administrators may do this');
    }
  });
}

/** The one who asks, on a route behind {@link requireToken}. */
export function askedBy(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Error('this route is not behind requireToken');
  return request.principal;
}

async function principalOf(header: string | undefined, services: Services): Promise<Principal> {
  const token = /^Bearer ([\w-]{43})$/i.exec(header ?? '')?.[1];
  if (token === undefined) {
    throw new Problem('unauthorized', 'this needs a log-in', { hint: 'Send "Authorization: Bearer TOKEN".' });
  }
  if (sameSecret(hashToken(token), services.localTokenHash)) return { kind: 'local', user: 'root', role: 'admin' };
  const principal = await services.sessions.find(token);
  if (principal === undefined) {
    throw new Problem('unauthorized', 'the session is over', { hint: 'Log in again.' });
  }
  return principal;
}
