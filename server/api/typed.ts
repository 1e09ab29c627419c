import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import { Type } from 'typebox';
import { ErrorBody } from '#common/protocol/client-server.ts';

/** A Fastify whose handlers know the types of their schemas. */
export type TypedApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** In a path: any text. What does not exist is `not_found`, whatever its form. */
export const NameParams = Type.Object({ name: Type.String() });
export const IdParams = Type.Object({ id: Type.String() });

/** The errors that every route can give, for the API description. */
export const errors = { '4xx': ErrorBody, '5xx': ErrorBody } as const;
export const nothing = Type.Unsafe<undefined>({ type: 'null', description: 'done; no body' });
