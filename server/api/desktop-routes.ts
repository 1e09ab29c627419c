import { Type } from 'typebox';
import { ViewerTicket } from '#common/protocol/client-server.ts';
import { Attach, ChangeAttachment, CreateDesktop, Desktop, Reclaim, StartMove } from '#common/protocol/desktop.ts';
import { askedBy } from './authorize.ts';
import type { Services } from './services.ts';
import { errors, IdParams, nothing, type TypedApp } from './typed.ts';

const DetachQuery = Type.Object(
  {
    forget: Type.Optional(
      Type.Union([Type.Literal('true'), Type.Literal('false')], {
        description: 'true: the disk is not taken again without a question',
      }),
    ),
  },
  { additionalProperties: false },
);

/** Where a desktop's disk is, and where it runs. */
export function addPlaceRoutes(app: TypedApp, { desktops }: Services): void {
  const one = { params: IdParams, response: { 200: Desktop, ...errors } };

  app.put(
    '/desktops/:id/attachment',
    { schema: { summary: 'Keep it on a disk of this PC too', body: Attach, ...one } },
    async (request) => await desktops.attach(askedBy(request), request.params.id, request.body),
  );

  app.patch(
    '/desktops/:id/attachment',
    { schema: { summary: 'Pause, go on, limit', body: ChangeAttachment, ...one } },
    async (request) => await desktops.changeAttachment(askedBy(request), request.params.id, request.body),
  );

  app.delete(
    '/desktops/:id/attachment',
    { schema: { summary: 'Leave its PC cleanly', querystring: DetachQuery, ...one } },
    async (request) => {
      const forget = request.query.forget === 'true';
      return await desktops.detach(askedBy(request), request.params.id, forget);
    },
  );

  app.post(
    '/desktops/:id/move',
    { schema: { summary: 'Move it while it runs; answers as soon as that is under way', body: StartMove, ...one } },
    async (request) => await desktops.move(askedBy(request), request.params.id, request.body),
  );

  app.delete(
    '/desktops/:id/move',
    { schema: { summary: 'Cancel its move', ...one } },
    async (request) => await desktops.cancelMove(askedBy(request), request.params.id),
  );

  app.post(
    '/desktops/:id/reclaim',
    {
      config: { admin: true },
      schema: { summary: 'Take it back from a PC that is lost', body: Reclaim, ...one },
    },
    async (request) => await desktops.reclaim(askedBy(request), request.params.id, request.body.generation),
  );
}

export function addDesktopRoutes(app: TypedApp, { desktops }: Services): void {
  const one = { params: IdParams, response: { 200: Desktop, ...errors } };

  app.get(
    '/desktops',
    {
      schema: {
        summary: 'Desktops: all for administrators, else one’s own',
        response: { 200: Type.Array(Desktop), ...errors },
      },
    },
    async (request) => await desktops.list(askedBy(request)),
  );

  app.post(
    '/desktops',
    {
      config: { admin: true },
      schema: {
        summary: 'Make a desktop from a golden image',
        body: CreateDesktop,
        response: { 201: Desktop, ...errors },
      },
    },
    async (request, reply) => reply.code(201).send(await desktops.create(request.body)),
  );

  app.get(
    '/desktops/:id',
    { schema: { summary: 'One desktop', ...one } },
    async (request) => await desktops.get(askedBy(request), request.params.id),
  );

  app.post(
    '/desktops/:id/start',
    { schema: { summary: 'Start it; answers as soon as it is starting', ...one } },
    async (request) => await desktops.start(askedBy(request), request.params.id),
  );

  app.post(
    '/desktops/:id/shut-down',
    { schema: { summary: 'Ask its system to shut down', ...one } },
    async (request) => await desktops.shutDown(askedBy(request), request.params.id),
  );

  app.post(
    '/desktops/:id/force-off',
    { schema: { summary: 'Cut its power', ...one } },
    async (request) => await desktops.forceOff(askedBy(request), request.params.id),
  );

  app.post(
    '/desktops/:id/viewer',
    {
      schema: {
        summary: 'A one-time ticket for its screen, for the tunnel of this session',
        params: IdParams,
        response: { 200: ViewerTicket, ...errors },
      },
    },
    async (request) => await desktops.ticket(askedBy(request), request.params.id),
  );

  app.delete(
    '/desktops/:id',
    {
      config: { admin: true },
      schema: { summary: 'Delete it, with its disk', params: IdParams, response: { 204: nothing, ...errors } },
    },
    async (request, reply) => {
      await desktops.delete(askedBy(request), request.params.id);
      return reply.code(204).send();
    },
  );
}
