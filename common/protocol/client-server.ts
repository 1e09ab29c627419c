/**
 * The conversation between a PC (or the command line) and the server: JSON over HTTPS below `/api/v1`, and one
 * WebSocket (`/api/v1/events`, authorised by the same bearer token) on which the server tells what changed.
 * Both sides parse what they get with these schemas; types are inferred from them. What a desktop is stands in desktop.ts.
 *
 * | Request (below /api/v1)            | Who            | Body -> answer                       |
 * | ---------------------------------- | -------------- | ------------------------------------ |
 * | GET hello                          | anybody        | -> Hello                             |
 * | POST setup                         | with the code  | Setup -> User                        |
 * | POST sessions                      | anybody        | LogIn -> LoggedIn                    |
 * | GET sessions                       | own; admin all | -> Session[]                         |
 * | GET, DELETE sessions/current       | logged in      | -> CurrentSession; nothing (log out) |
 * | DELETE sessions/ID                 | own; admin all | -> nothing                           |
 * | GET, POST users                    | admin          | -> User[]; CreateUser -> User        |
 * | GET, PATCH, DELETE users/NAME      | GET own; admin | -> User; ChangeUser -> User; nothing |
 * | PUT users/NAME/password            | own; admin     | SetPassword -> nothing               |
 * | POST users/NAME/unlock             | admin          | -> User                              |
 * | GET images, images/NAME            | admin          | -> Image[]; Image                    |
 * | POST images?name&firmware&sha256   | admin          | the file -> Image                    |
 * | DELETE images/NAME                 | admin          | -> nothing                           |
 * | GET desktops, desktops/ID          | own; admin all | -> Desktop[]; Desktop                |
 * | POST desktops                      | admin          | CreateDesktop -> Desktop             |
 * | POST desktops/ID/start, shut-down, | own; admin all | -> Desktop                           |
 * |      force-off                     |                |                                      |
 * | POST desktops/ID/viewer            | own; admin all | -> ViewerTicket (needs a tunnel)     |
 * | DELETE desktops/ID                 | admin          | -> nothing                           |
 * | PUT desktops/ID/attachment         | own, from a PC | Attach -> Desktop                    |
 * | PATCH desktops/ID/attachment       | own; admin all | ChangeAttachment -> Desktop          |
 * | DELETE desktops/ID/attachment      | own; admin all | -> Desktop (leaves cleanly);         |
 * |                                    |                |    ?forget=true: for good            |
 * | POST desktops/ID/move              | own; admin all | StartMove -> Desktop                 |
 * | DELETE desktops/ID/move            | own; admin all | -> Desktop (cancel)                  |
 * | POST desktops/ID/reclaim           | admin          | Reclaim -> Desktop                   |
 * | GET pcs                            | admin          | -> Pc[]                              |
 * | PATCH pcs/UUID                     | admin          | ChangePc -> Pc                       |
 * | GET, PATCH settings                | admin          | -> Settings; ChangeSettings ->       |
 * |                                    |                |    Settings                          |
 *
 * A PC that hosts desktops has a second WebSocket, `/api/v1/host` (host-link.ts).
 *
 * "nothing" is status 204. An object one may not see is `not_found`, never `forbidden`.
 */
import { type Static, Type } from 'typebox';
import { Desktop, Firmware } from './desktop.ts';
import { closed, Id, Name, Timestamp } from './values.ts';

export const Password = Type.String({ minLength: 1, maxLength: 256 });
/** A password that is being set: 8 characters at least, anything goes. */
export const NewPassword = Type.String({ minLength: 8, maxLength: 256, description: '8 to 256 characters' });

export const ErrorCode = Type.Union([
  Type.Literal('bad_request'),
  Type.Literal('unauthorized'),
  Type.Literal('wrong_login'),
  Type.Literal('locked_out'),
  Type.Literal('too_many_requests'),
  Type.Literal('forbidden'),
  Type.Literal('not_found'),
  Type.Literal('conflict'),
  Type.Literal('unavailable'),
  Type.Literal('internal'),
]);
export type ErrorCode = Static<typeof ErrorCode>;

/** The body of every answer with a status of 400 or more. */
export const ErrorBody = Type.Object(
  {
    error: Type.Object({
      code: ErrorCode,
      message: Type.String({ description: 'what, and why, for people' }),
      hint: Type.Optional(Type.String({ description: 'what to do' })),
      retryAfterSeconds: Type.Optional(Type.Number({ minimum: 0 })),
    }),
  },
  { $id: 'ErrorBody' },
);
export type ErrorBody = Static<typeof ErrorBody>;

/** `GET /api/v1/hello`, without a token: is this a FlexDeploy server, and which. */
export const Hello = Type.Object({
  product: Type.Literal('flexdeploy'),
  version: Type.String(),
  serverName: Type.String(),
  time: Timestamp,
  setupDone: Type.Boolean({ description: 'false until the first account was made' }),
});
export type Hello = Static<typeof Hello>;

/** `POST /api/v1/setup`: makes the first administrator, with the code that the server shows on its console. */
export const Setup = Type.Object({ code: Type.String({ maxLength: 64 }), user: Name, password: NewPassword }, closed);
export type Setup = Static<typeof Setup>;

export const MachineFacts = Type.Object(
  {
    uuid: Type.String({ maxLength: 64, description: 'DMI product UUID, or empty' }),
    name: Type.String({ maxLength: 64 }),
    firmware: Type.Union([Type.Literal('bios'), Type.Literal('uefi')]),
    secureBoot: Type.Boolean(),
    cpuModel: Type.String({ maxLength: 128 }),
    cpus: Type.Integer({ minimum: 1 }),
    kvm: Type.Boolean({ description: '/dev/kvm can be opened' }),
    memoryKiB: Type.Integer({ minimum: 0 }),
    macs: Type.Array(Type.String({ maxLength: 17 }), { maxItems: 32 }),
    disks: Type.Array(
      Type.Object({
        name: Type.String({ maxLength: 64, description: 'kernel name, for display only' }),
        serial: Type.String({ maxLength: 128 }),
        wwn: Type.String({ maxLength: 128 }),
        model: Type.String({ maxLength: 128 }),
        bytes: Type.Integer({ minimum: 0 }),
        removable: Type.Boolean(),
      }),
      { maxItems: 64 },
    ),
    version: Type.String({ maxLength: 64, description: 'version of the live image' }),
  },
  closed,
);
export type MachineFacts = Static<typeof MachineFacts>;

const WireGuardKey = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });

/** What a PC needs to bring its end of the tunnel up. The PC keeps its private key; only the public one travels. */
export const TunnelConfig = Type.Object({
  address: Type.String({ description: "the PC's address inside the tunnel, IPv4" }),
  serverAddress: Type.String({ description: "the server's address inside the tunnel, IPv4" }),
  serverPublicKey: WireGuardKey,
  endpointHost: Type.Optional(Type.String({ description: 'where to send; the host used for HTTPS unless given' })),
  endpointPort: Type.Integer({ minimum: 1, maximum: 65535, description: 'UDP' }),
  keepaliveSeconds: Type.Integer({ minimum: 1 }),
  mtu: Type.Integer({ minimum: 576, maximum: 9000 }),
});
export type TunnelConfig = Static<typeof TunnelConfig>;

/** `POST /api/v1/sessions`: log in. With `tunnelPublicKey` (a PC) the answer holds a tunnel. */
export const LogIn = Type.Object(
  {
    user: Type.String({ maxLength: 64 }),
    password: Password,
    machine: Type.Optional(MachineFacts),
    tunnelPublicKey: Type.Optional(WireGuardKey),
  },
  closed,
);
export type LogIn = Static<typeof LogIn>;

export const Role = Type.Union([Type.Literal('admin'), Type.Literal('user')]);
export type Role = Static<typeof Role>;

export const User = Type.Object({
  name: Name,
  displayName: Type.String({ maxLength: 80 }),
  role: Role,
  createdAt: Timestamp,
  lockedUntil: Type.Optional(Timestamp),
});
export type User = Static<typeof User>;

export const LoggedIn = Type.Object({
  token: Type.String(),
  session: Id,
  expiresAt: Timestamp,
  user: User,
  tunnel: Type.Optional(TunnelConfig),
  pc: Type.Optional(
    Type.String({
      description: 'how the server calls this PC; absent for what is none, or cannot be told from others',
    }),
  ),
});
export type LoggedIn = Static<typeof LoggedIn>;

/** `GET /api/v1/sessions`; a session is ended by `DELETE /api/v1/sessions/ID` (or `/current`: log out). */
export const Session = Type.Object({
  id: Id,
  user: Name,
  createdAt: Timestamp,
  expiresAt: Timestamp,
  lastSeenAt: Timestamp,
  peer: Type.String({ description: 'address it logged in from' }),
  machineName: Type.Optional(Type.String()),
  tunnelAddress: Type.Optional(Type.String()),
});
export type Session = Static<typeof Session>;

/** A PC that was seen, with its disks, and what an administrator decided about it. */
export const Pc = Type.Object({
  uuid: Type.String(),
  name: Type.String(),
  lastSeenAt: Timestamp,
  disks: MachineFacts.properties.disks,
  pins: Type.Array(Type.String({ description: 'serial number or WWN of a disk that needs no question' })),
  limitKiBps: Type.Optional(Type.Integer({ minimum: 1 })),
});
export type Pc = Static<typeof Pc>;

/** `PATCH /api/v1/pcs/UUID`. */
export const ChangePc = Type.Object(
  {
    pins: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 16 })),
    limitKiBps: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
  },
  closed,
);
export type ChangePc = Static<typeof ChangePc>;

/** `GET /api/v1/settings`: what holds for the whole server. */
export const Settings = Type.Object({
  syncLimitKiBps: Type.Optional(
    Type.Integer({ minimum: 1, description: 'KiB a second that all PCs together may use to synchronise' }),
  ),
});
export type Settings = Static<typeof Settings>;

/** `PATCH /api/v1/settings`. null takes a limit away. */
export const ChangeSettings = Type.Object(
  { syncLimitKiBps: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])) },
  closed,
);
export type ChangeSettings = Static<typeof ChangeSettings>;

/** `POST /api/v1/desktops/ID/viewer`: a one-time ticket for a running desktop, for the session's own tunnel only. */
export const ViewerTicket = Type.Object({
  protocol: Type.Literal('spice'),
  host: Type.String({ description: 'address inside the tunnel' }),
  port: Type.Integer({ minimum: 1, maximum: 65535 }),
  password: Type.String(),
  expiresAt: Timestamp,
});
export type ViewerTicket = Static<typeof ViewerTicket>;

export const Image = Type.Object({
  name: Name,
  firmware: Firmware,
  diskBytes: Type.Integer(),
  sha256: Type.String({ description: 'of the raw disk: SHA-256 over the SHA-256s of its 4 MiB pieces' }),
  createdAt: Timestamp,
  desktops: Type.Integer({ description: 'how many desktops were made from it' }),
});
export type Image = Static<typeof Image>;

/**
 * `POST /api/v1/images?name=…&firmware=…&sha256=…`, body: the qcow2 or raw file (application/octet-stream).
 * `sha256` is of the file as sent; an upload that does not match it is thrown away.
 */
export const ImportImageQuery = Type.Object(
  {
    name: Name,
    firmware: Firmware,
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  closed,
);
export type ImportImageQuery = Static<typeof ImportImageQuery>;

export const CreateUser = Type.Object(
  {
    name: Name,
    displayName: Type.Optional(Type.String({ maxLength: 80 })),
    role: Type.Optional(Role),
    password: NewPassword,
  },
  closed,
);
export type CreateUser = Static<typeof CreateUser>;

/** `PATCH /api/v1/users/NAME`. */
export const ChangeUser = Type.Object(
  { displayName: Type.Optional(Type.String({ maxLength: 80 })), role: Type.Optional(Role) },
  closed,
);
export type ChangeUser = Static<typeof ChangeUser>;

/** `PUT /api/v1/users/NAME/password`. Whoever is no administrator has to know the old one. Ends all other sessions. */
export const SetPassword = Type.Object({ password: NewPassword, currentPassword: Type.Optional(Password) }, closed);
export type SetPassword = Static<typeof SetPassword>;

/** `GET /api/v1/sessions/current`: who am I. No session for the administrator's token of the server itself. */
export const CurrentSession = Type.Object({
  user: Name,
  role: Role,
  session: Type.Optional(Session),
});
export type CurrentSession = Static<typeof CurrentSession>;

/** The server sends a WebSocket ping this often; whoever hears nothing for 2.5 times as long hangs up. */
export const EVENTS_PING_SECONDS = 10;

/** What the server says on the WebSocket. The first message after connecting is `desktops`. */
export const ServerEvent = Type.Union([
  Type.Object({ type: Type.Literal('desktops'), desktops: Type.Array(Desktop) }),
  Type.Object({ type: Type.Literal('desktop'), desktop: Desktop }),
  Type.Object({ type: Type.Literal('desktopRemoved'), id: Id }),
  Type.Object({
    type: Type.Literal('sessionEnded'),
    reason: Type.Union([
      Type.Literal('loggedOut'),
      Type.Literal('expired'),
      Type.Literal('revoked'),
      Type.Literal('replaced'),
    ]),
  }),
]);
export type ServerEvent = Static<typeof ServerEvent>;
