import fastifySwagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastifyWebsocket from '@fastify/websocket';
import { type FastifyBaseLogger, type FastifyReply, fastify, LogController } from 'fastify';
import { addPublicRoutes, addSessionRoutes, addUserRoutes } from './account-routes.ts';
import { requireToken } from './authorize.ts';
import { addDesktopRoutes, addPlaceRoutes } from './desktop-routes.ts';
import { addErrorHandling, answerBrokenHttp, problemOf } from './errors.ts';
import { addEventRoute } from './events.ts';
import { addHostRoute } from './host-route.ts';
import { addImageRoutes } from './image-routes.ts';
import { describeApi, swaggerOptions } from './openapi.ts';
import { addPcRoutes } from './pc-routes.ts';
import type { Services } from './services.ts';
import type { TypedApp } from './typed.ts';
import { validatorCompiler } from './validation.ts';

/** JSON bodies are small: a log-in with a machine's facts is a few KiB. */
const BODY_LIMIT_BYTES = 256 * 1024;
/** One message on a WebSocket. The largest is a PC's saved metadata (host-link.ts) as JSON. */
const SOCKET_LIMIT_BYTES = 34 * 1024 * 1024;
/** A connection on which nothing moves for this long is closed. */
const SILENT_CONNECTION_MS = 120_000;

export interface AppOptions {
  /** PEM: the server's key, and its certificate followed by the CA's. */
  tls: { key: string; cert: string };
  log: FastifyBaseLogger;
}

/** The HTTPS API, ready to listen. */
export async function buildApp(services: Services, { tls, log }: AppOptions): Promise<TypedApp> {
  const base = fastify({
    https: { ...tls, minVersion: 'TLSv1.2' },
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    connectionTimeout: SILENT_CONNECTION_MS,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: (error, socket) => answerBrokenHttp(error, socket, log),
    frameworkErrors: (error, _request, reply) => {
      const problem = problemOf(error);
      (reply as FastifyReply).code(problem.status).send(problem.body);
    },
  });
  const app = base.withTypeProvider<TypeBoxTypeProvider>() as unknown as TypedApp;
  app.setValidatorCompiler(validatorCompiler());
  app.setSerializerCompiler(() => (value) => JSON.stringify(value)); // handlers return exactly what the schemas say
  app.decorateRequest('principal', null);
  addErrorHandling(base as never);
  logRequests(app);
  await app.register(fastifySwagger, swaggerOptions(services.version));
  await app.register(fastifyWebsocket, {
    options: { maxPayload: SOCKET_LIMIT_BYTES, perMessageDeflate: false },
  });
  await app.register(
    async (api) => {
      const scope = api as TypedApp;
      addPublicRoutes(scope, services);
      scope.get('/openapi.json', { schema: { hide: true } }, () => describeApi(app));
      await scope.register(async (inner) => {
        requireToken(inner, services);
        addSessionRoutes(inner as TypedApp, services);
        addUserRoutes(inner as TypedApp, services);
        addDesktopRoutes(inner as TypedApp, services);
        addPlaceRoutes(inner as TypedApp, services);
        addPcRoutes(inner as TypedApp, services);
        addEventRoute(inner as TypedApp, services);
        addHostRoute(inner as TypedApp, services);
      });
      await scope.register(async (inner) => {
        requireToken(inner, services);
        addImageRoutes(inner as TypedApp, services);
      });
    },
    { prefix: '/api/v1' },
  );
  await app.ready();
  return app;
}

/** One line a request: no headers, no query, no body, so no secrets. */
function logRequests(app: TypedApp): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, ip, principal } = request;
    const level = reply.statusCode >= 400 ? 'info' : 'debug';
    const route = routeOptions.url ?? '(unknown)';
    const ms = Math.round(reply.elapsedTime);
    request.log[level]({ method, route, status: reply.statusCode, ms, peer: ip, user: principal?.user }, 'request');
  });
}
