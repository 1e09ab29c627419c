import type { Readable } from 'node:stream';
import { Type } from 'typebox';
import { Image, ImportImageQuery } from '#common/protocol/client-server.ts';
import { Problem } from '../problem.ts';
import type { Services } from './services.ts';
import { errors, NameParams, nothing, type TypedApp } from './typed.ts';

/** After a refusal, this long the rest of an upload is read and thrown away, so that the sender gets to see the answer. */
const DRAIN_MS = 10_000;

/** Only for a scope of its own: these routes take `application/octet-stream` of any length. */
export function addImageRoutes(app: TypedApp, { images }: Services): void {
  const config = { admin: true };
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));

  app.get(
    '/images',
    { config, schema: { summary: 'All golden images', response: { 200: Type.Array(Image), ...errors } } },
    async () => await images.list(),
  );

  app.get(
    '/images/:name',
    { config, schema: { summary: 'One golden image', params: NameParams, response: { 200: Image, ...errors } } },
    async (request) => await images.get(request.params.name),
  );

  app.post(
    '/images',
    {
      config,
      schema: {
        summary: 'Import a golden image; the body is the qcow2 or raw file',
        body: { content: { 'application/octet-stream': { schema: Type.Unsafe<Readable>({}) } } },
        querystring: ImportImageQuery,
        response: { 201: Image, ...errors },
      },
      bodyLimit: Number.MAX_SAFE_INTEGER,
      onRequest: async (request) => {
        if (/^application\/octet-stream\s*(;|$)/i.test(request.headers['content-type'] ?? '')) return;
        throw new Problem('bad_request', 'the body must be the image, with content type application/octet-stream', {
          status: 415,
        });
      },
      onError: async (request, reply) => {
        if (request.raw.complete) return;
        reply.header('connection', 'close');
        request.raw.unpipe();
        request.raw.resume();
        setTimeout(() => request.raw.destroy(), DRAIN_MS).unref();
      },
    },
    async (request, reply) => {
      const body = request.body as Readable | undefined;
      if (body === undefined || body === null) throw new Problem('bad_request', 'the body is empty');
      const length = Number(request.headers['content-length']);
      // Once all is here, the storing may take longer than a silent connection is allowed to live.
      body.once('end', () => request.raw.socket.setTimeout(0));
      const image = await images.import(request.query, {
        body,
        bytes: Number.isSafeInteger(length) ? length : undefined,
        onProgress: (bytes) => request.log.debug({ image: request.query.name, bytes }, 'importing'),
      });
      return reply.code(201).send(image);
    },
  );

  app.delete(
    '/images/:name',
    {
      config,
      schema: {
        summary: 'Delete an image that no desktop uses',
        params: NameParams,
        response: { 204: nothing, ...errors },
      },
    },
    async (request, reply) => {
      await images.delete(request.params.name);
      return reply.code(204).send();
    },
  );
}
