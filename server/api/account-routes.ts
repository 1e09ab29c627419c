import { Type } from 'typebox';
import {
  ChangeUser,
  CreateUser,
  CurrentSession,
  Hello,
  LoggedIn,
  LogIn,
  Session,
  SetPassword,
  Setup,
  User,
} from '#common/protocol/client-server.ts';
import { toSession } from '../accounts/sessions.ts';
import { forgetSetupCode, isSetupCode } from '../accounts/setup-code.ts';
import { Problem } from '../problem.ts';
import { askedBy } from './authorize.ts';
import { peerOf } from './peer.ts';
import type { Services } from './services.ts';
import { errors, IdParams, NameParams, nothing, type TypedApp } from './typed.ts';

/** What anybody may ask: is this a FlexDeploy server, set it up, log in. */
export function addPublicRoutes(app: TypedApp, services: Services): void {
  const { users, sessions, lockOut, database } = services;

  app.get(
    '/hello',
    { schema: { summary: 'Which server is this', security: [], response: { 200: Hello, ...errors } } },
    async () => ({
      product: 'flexdeploy' as const,
      version: services.version,
      serverName: services.serverName,
      time: new Date(services.now()).toISOString(),
      setupDone: await users.hasAdministrator(),
    }),
  );

  app.post(
    '/setup',
    {
      schema: {
        summary: 'Make the first administrator, with the code on the console of the server',
        security: [],
        body: Setup,
        response: { 201: User, ...errors },
      },
    },
    async (request, reply) => {
      const { code, user, password } = request.body;
      if (await users.hasAdministrator()) throw new Problem('conflict', 'the set-up was done already');
      const locked = await lockOut.begin(undefined, peerOf(request));
      if (locked) throw new Problem('locked_out', 'too many wrong codes', locked);
      if (!(await isSetupCode(database, code))) {
        throw new Problem('forbidden', 'the set-up code is wrong', {
          hint: 'It is shown on the console of the server.',
        });
      }
      const made = await users.createFirstAdministrator(user, password);
      await lockOut.succeeded(undefined, peerOf(request));
      await forgetSetupCode(database);
      await services.onSetUp();
      return reply.code(201).send(made);
    },
  );

  app.post(
    '/sessions',
    { schema: { summary: 'Log in', security: [], body: LogIn, response: { 201: LoggedIn, ...errors } } },
    async (request, reply) => {
      const { user, password, machine, tunnelPublicKey } = request.body;
      const { name } = await users.authenticate(user, password, peerOf(request));
      const opened = await sessions.open({ user: name, peer: peerOf(request), machine, tunnelPublicKey });
      reply.code(201);
      return {
        token: opened.token,
        session: opened.session.id,
        expiresAt: new Date(opened.session.expires_at).toISOString(),
        user: await users.get(name),
        ...(opened.tunnel !== undefined && { tunnel: opened.tunnel }),
        ...(opened.session.pc !== null && { pc: opened.session.pc }),
      };
    },
  );
}

export function addSessionRoutes(app: TypedApp, { sessions }: Services): void {
  app.get(
    '/sessions',
    {
      schema: {
        summary: 'Sessions: all for administrators, else one’s own',
        response: { 200: Type.Array(Session), ...errors },
      },
    },
    async (request) => {
      const asker = askedBy(request);
      return await sessions.list(asker.role === 'admin' ? undefined : asker.user);
    },
  );

  app.get(
    '/sessions/current',
    { schema: { summary: 'Who am I', response: { 200: CurrentSession, ...errors } } },
    async (request) => {
      const asker = askedBy(request);
      const { user, role } = asker;
      return asker.kind === 'local' ? { user, role } : { user, role, session: toSession(asker.session) };
    },
  );

  app.delete(
    '/sessions/:id',
    {
      schema: { summary: 'End a session; "current": log out', params: IdParams, response: { 204: nothing, ...errors } },
    },
    async (request, reply) => {
      const asker = askedBy(request);
      const own = asker.kind === 'session' ? asker.session.id : undefined;
      const id = request.params.id === 'current' ? own : request.params.id;
      const row = id === undefined ? undefined : await sessions.row(id);
      if (row === undefined || (asker.role !== 'admin' && row.user !== asker.user)) {
        throw new Problem('not_found', 'there is no such session');
      }
      await sessions.end(row.id, row.id === own ? 'loggedOut' : 'revoked');
      return reply.code(204).send();
    },
  );
}

export function addUserRoutes(app: TypedApp, services: Services): void {
  const { users, sessions, lockOut } = services;
  const admin = { admin: true };

  app.get(
    '/users',
    { config: admin, schema: { summary: 'All users', response: { 200: Type.Array(User), ...errors } } },
    async () => await users.list(),
  );

  app.post(
    '/users',
    { config: admin, schema: { summary: 'Make a user', body: CreateUser, response: { 201: User, ...errors } } },
    async (request, reply) => {
      const made = await users.create(request.body);
      if (made.role === 'admin') {
        await forgetSetupCode(services.database);
        await services.onSetUp();
      }
      return reply.code(201).send(made);
    },
  );

  app.get(
    '/users/:name',
    { schema: { summary: 'One user', params: NameParams, response: { 200: User, ...errors } } },
    async (request) => await users.get(visibleName(request.params.name, askedBy(request))),
  );

  app.patch(
    '/users/:name',
    {
      config: admin,
      schema: {
        summary: 'Change role or display name',
        params: NameParams,
        body: ChangeUser,
        response: { 200: User, ...errors },
      },
    },
    async (request) => await users.change(request.params.name, request.body),
  );

  app.put(
    '/users/:name/password',
    {
      schema: {
        summary: 'Set a password; ends all other sessions of the user',
        params: NameParams,
        body: SetPassword,
        response: { 204: nothing, ...errors },
      },
    },
    async (request, reply) => {
      const asker = askedBy(request);
      const name = visibleName(request.params.name, asker);
      const { password, currentPassword } = request.body;
      if (asker.role !== 'admin') {
        if (currentPassword === undefined) throw new Problem('bad_request', 'the current password is needed too');
        await users.authenticate(name, currentPassword, peerOf(request));
      }
      await users.setPassword(name, password);
      await sessions.endAllOf(name, 'revoked', asker.kind === 'session' ? asker.session.id : undefined);
      return reply.code(204).send();
    },
  );

  app.post(
    '/users/:name/unlock',
    {
      config: admin,
      schema: { summary: 'Let a locked-out user try again', params: NameParams, response: { 200: User, ...errors } },
    },
    async (request) => await users.unlock(request.params.name),
  );

  app.delete(
    '/users/:name',
    {
      config: admin,
      schema: {
        summary: 'Delete a user who owns no desktops',
        params: NameParams,
        response: { 204: nothing, ...errors },
      },
    },
    async (request, reply) => {
      await sessions.ended(await users.delete(request.params.name), 'revoked');
      await lockOut.unlock(request.params.name);
      return reply.code(204).send();
    },
  );
}

/** Others do not exist for somebody who is no administrator. */
function visibleName(name: string, asker: { user: string; role: string }): string {
  if (asker.role === 'admin' || asker.user === name) return name;
  throw new Problem('not_found', `there is no user ${name}`);
}
