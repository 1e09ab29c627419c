/**
 * A desktop as the server tells of it: its state, whose copy counts, the PC that has a copy, a move; and what can be asked
 * of it. Part of the conversation of client-server.ts.
 */
import { type Static, Type } from 'typebox';
import { closed, Id, Name, Timestamp } from './values.ts';

export const Firmware = Type.Union([Type.Literal('bios'), Type.Literal('uefi')]);
export type Firmware = Static<typeof Firmware>;

export const DesktopState = Type.Union([
  Type.Object({ kind: Type.Literal('off') }),
  Type.Object({ kind: Type.Literal('starting'), since: Timestamp, step: Type.String({ description: 'a sentence' }) }),
  Type.Object({ kind: Type.Literal('running'), since: Timestamp, viewers: Type.Integer({ minimum: 0 }) }),
  Type.Object({ kind: Type.Literal('stopping'), since: Timestamp }),
  Type.Object({ kind: Type.Literal('failed'), at: Timestamp, reason: Type.String() }),
]);
export type DesktopState = Static<typeof DesktopState>;

/** A disk of a PC: never by its kernel name. One of serial number and WWN is there, or the disk cannot be used. */
export const DiskIdentity = Type.Object(
  {
    serial: Type.String({ maxLength: 128 }),
    wwn: Type.String({ maxLength: 128 }),
    model: Type.String({ maxLength: 128 }),
    bytes: Type.Integer({ minimum: 0 }),
  },
  closed,
);
export type DiskIdentity = Static<typeof DiskIdentity>;

/** How a desktop's disk is kept the same on the server and on a PC. `percent` is of the disk, 0 to 100. */
export const SyncState = Type.Union([
  Type.Object({
    kind: Type.Literal('preparing'),
    step: Type.String({ description: 'a sentence' }),
    percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'of the step, where it takes long' })),
  }),
  Type.Object({
    kind: Type.Literal('syncing'),
    percent: Type.Number({ minimum: 0, maximum: 100 }),
    bytesLeft: Type.Integer({ minimum: 0 }),
    bytesPerSecond: Type.Integer({ minimum: 0 }),
    secondsLeft: Type.Optional(Type.Integer({ minimum: 0, description: 'absent: not known yet' })),
    to: Type.Union([Type.Literal('pc'), Type.Literal('server')]),
  }),
  Type.Object({ kind: Type.Literal('paused'), percent: Type.Number({ minimum: 0, maximum: 100 }) }),
  Type.Object({ kind: Type.Literal('inSync') }),
  Type.Object({
    kind: Type.Literal('behind'),
    bytesLeft: Type.Integer({ minimum: 0, description: 'the link is slower than the desktop writes; it catches up' }),
  }),
  Type.Object({ kind: Type.Literal('disconnected'), since: Timestamp }),
  Type.Object({ kind: Type.Literal('detaching') }),
  Type.Object({ kind: Type.Literal('failed'), reason: Type.String(), hint: Type.Optional(Type.String()) }),
]);
export type SyncState = Static<typeof SyncState>;

/** The PC that a desktop's disk is kept on, beside the server. */
export const Attachment = Type.Object({
  pc: Type.Object({ uuid: Type.String(), name: Type.String() }),
  disk: DiskIdentity,
  state: SyncState,
  complete: Type.Boolean({ description: 'the PC has had every block once: it can go on without the server' }),
  limitKiBps: Type.Optional(Type.Integer({ minimum: 1, description: 'KiB a second, absent: no limit' })),
  localHost: Type.Object({
    possible: Type.Boolean({ description: 'the desktop could run on this PC' }),
    reason: Type.Optional(Type.String({ description: 'why not, for people' })),
  }),
});
export type Attachment = Static<typeof Attachment>;

export const MovePhase = Type.Union([
  Type.Literal('preparing'),
  Type.Literal('copyingMemory'),
  Type.Literal('switchingOver'),
  Type.Literal('finishing'),
]);

/** A desktop that is on its way from one host to the other, running. */
export const Move = Type.Object({
  to: Type.Union([Type.Literal('pc'), Type.Literal('server')]),
  since: Timestamp,
  phase: MovePhase,
  percent: Type.Number({ minimum: 0, maximum: 100, description: 'of the memory that is left to copy' }),
});
export type Move = Static<typeof Move>;

/** Whose copy of a desktop counts, when it is not the server's. `generation` grows with every hand-over. */
export const Holder = Type.Object({
  pc: Type.Object({ uuid: Type.String(), name: Type.String() }),
  since: Timestamp,
  generation: Type.Integer({ minimum: 0 }),
  reachable: Type.Boolean({ description: 'the PC is connected to the server now; without lastContactAt then' }),
  lastContactAt: Type.Optional(Timestamp),
});
export type Holder = Static<typeof Holder>;

/**
 * A disk that needs no question: it was chosen for this desktop before (and not put aside since), or an administrator
 * pinned it and its PC is connected.
 */
export const KnownDisk = Type.Object({
  pc: Type.Object({ uuid: Type.String(), name: Type.String() }),
  disk: DiskIdentity,
  pinned: Type.Boolean(),
  lastUsedAt: Type.Optional(Timestamp),
  aside: Type.Optional(
    Type.Object({
      since: Timestamp,
      text: Type.String({ description: 'what is on it that the server does not have' }),
    }),
  ),
});
export type KnownDisk = Static<typeof KnownDisk>;

export const Desktop = Type.Object({
  id: Id,
  name: Name,
  owner: Name,
  image: Name,
  firmware: Firmware,
  memoryMiB: Type.Integer(),
  cpus: Type.Integer(),
  diskBytes: Type.Integer(),
  createdAt: Timestamp,
  state: DesktopState,
  holder: Type.Optional(Holder),
  attachment: Type.Optional(Attachment),
  move: Type.Optional(Move),
  knownDisks: Type.Optional(Type.Array(KnownDisk)),
  notice: Type.Optional(
    Type.Object({
      at: Timestamp,
      text: Type.String({ description: 'why the last move or attachment did not work; gone with the next one' }),
    }),
  ),
});
export type Desktop = Static<typeof Desktop>;

/** `POST /api/v1/desktops` (administrators). */
export const CreateDesktop = Type.Object(
  {
    name: Name,
    owner: Name,
    image: Name,
    memoryMiB: Type.Optional(Type.Integer({ minimum: 128, maximum: 1048576 })),
    cpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
  },
  closed,
);
export type CreateDesktop = Static<typeof CreateDesktop>;

/**
 * `PUT /api/v1/desktops/ID/attachment`: keep the disk on this PC too, from the session of that PC. `confirmed`: the
 * person said so at the kiosk, seeing what is on the disk; without it only a pinned disk or one that holds this very
 * desktop is taken. The PC checks the disk again before the first byte is written.
 */
export const Attach = Type.Object(
  { disk: DiskIdentity, confirmed: Type.Boolean(), limitKiBps: Type.Optional(Type.Integer({ minimum: 1 })) },
  closed,
);
export type Attach = Static<typeof Attach>;

/** `PATCH /api/v1/desktops/ID/attachment`. `limitKiBps: null` takes the limit away. */
export const ChangeAttachment = Type.Object(
  {
    paused: Type.Optional(Type.Boolean()),
    limitKiBps: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
  },
  closed,
);
export type ChangeAttachment = Static<typeof ChangeAttachment>;

/** `POST /api/v1/desktops/ID/move`. Answers as soon as the move is under way; how it goes on is in `Desktop.move`. */
export const StartMove = Type.Object({ to: Type.Union([Type.Literal('pc'), Type.Literal('server')]) }, closed);
export type StartMove = Static<typeof StartMove>;

/**
 * `POST /api/v1/desktops/ID/reclaim`: the PC that holds the desktop is lost; go on with the server's older copy. The
 * first request is refused with what is lost in words; it is done when `generation` says that this was read.
 */
export const Reclaim = Type.Object({ generation: Type.Integer({ minimum: 0 }) }, closed);
export type Reclaim = Static<typeof Reclaim>;
