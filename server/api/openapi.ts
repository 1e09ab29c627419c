import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import {
  ChangePc,
  ChangeSettings,
  ChangeUser,
  CreateUser,
  CurrentSession,
  ErrorBody,
  Hello,
  Image,
  LoggedIn,
  LogIn,
  MachineFacts,
  Pc,
  ServerEvent,
  Session,
  SetPassword,
  Settings,
  Setup,
  TunnelConfig,
  User,
  ViewerTicket,
} from '#common/protocol/client-server.ts';
import {
  Attach,
  Attachment,
  ChangeAttachment,
  CreateDesktop,
  Desktop,
  DesktopState,
  DiskIdentity,
  Holder,
  KnownDisk,
  Move,
  Reclaim,
  StartMove,
  SyncState,
} from '#common/protocol/desktop.ts';
import type { TypedApp } from './typed.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What of the protocol gets a name of its own in the description. */
const NAMED = {
  Attach,
  Attachment,
  ChangeAttachment,
  ChangePc,
  ChangeSettings,
  ChangeUser,
  CreateDesktop,
  CreateUser,
  CurrentSession,
  Desktop,
  DesktopState,
  DiskIdentity,
  ErrorBody,
  Hello,
  Holder,
  Image,
  KnownDisk,
  LogIn,
  LoggedIn,
  MachineFacts,
  Move,
  Pc,
  Reclaim,
  ServerEvent,
  Session,
  SetPassword,
  Settings,
  Setup,
  StartMove,
  SyncState,
  TunnelConfig,
  User,
  ViewerTicket,
};

/** Settings of @fastify/swagger. */
export function swaggerOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'FlexDeploy server',
        version,
        description:
          'JSON over HTTPS. The certificate is signed by the CA of the server, for the fixed name flexdeploy-server. ' +
          'The WebSocket /api/v1/events (same bearer token) tells what changes, as ServerEvent.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
  };
}

/** The description of the API. Schemas of the protocol appear once, under their names, and are referred to. */
export function describeApi(app: TypedApp): Json {
  const description = plain(app.swagger()) as { [key: string]: Json };
  const named = new Map(Object.entries(NAMED).map(([name, schema]) => [textOf(plain(schema)), name]));
  const schemas = Object.fromEntries(
    Object.entries(NAMED).map(([name, schema]) => [name, inner(plain(schema), (node) => refer(node, named))]),
  );
  const { components, ...rest } = description;
  return {
    ...(inner(rest, (node) => refer(node, named)) as { [key: string]: Json }),
    components: { ...(components as { [key: string]: Json }), schemas },
  };
}

function refer(node: Json, named: Map<string, string>): Json {
  const name = named.get(textOf(node));
  return name === undefined ? inner(node, (child) => refer(child, named)) : { $ref: `#/components/schemas/${name}` };
}

/** `node` with `change` made to each of its children. */
function inner(node: Json, change: (child: Json) => Json): Json {
  if (Array.isArray(node)) return node.map(change);
  if (node === null || typeof node !== 'object') return node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, change(value)]));
}

/** The same text for the same schema, whatever the order of its keys. */
function textOf(node: Json): string {
  return JSON.stringify(node, (_key, value) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** Only what JSON has; `$id` is a name of ours, not of OpenAPI's; constants as @fastify/swagger writes them. */
function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value, rewrite)) as Json;
}

function rewrite(key: string, value: unknown): unknown {
  if (key === '$id') return undefined;
  if (value === null || typeof value !== 'object' || !('const' in value)) return value;
  const { const: only, ...rest } = value;
  return { ...rest, enum: [only] };
}
