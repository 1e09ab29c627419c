/**
 * The conversation between the host of a desktop (server or PC) and the agent inside it, over the virtio serial port
 * `org.flexdeploy.agent.0`: frames of JSON (common/agent/framing.ts), the host's end in common/agent/port.ts.
 *
 * The host says `status` when it has connected, whenever something changes, and as the answer to every `hello` and
 * `ping`. The guest says `hello` when it begins, `wish` when the person wants something (answered by one `answer` with the
 * same id) and `ping` to learn that the host is there. The port outlives both ends: after a migration another host is
 * at it, which says `status` unasked; the guest needs to know nothing of that.
 *
 * The guest is not trusted: it says only what these schemas allow, and the host does for it only what the owner of the
 * desktop may do.
 */
import { type Static, Type } from 'typebox';
import { Move, SyncState } from './desktop.ts';
import { closed } from './values.ts';

const Timestamp = Type.String({ maxLength: 40, description: 'ISO 8601' });

/** What a person can want of a desktop from inside it. */
export const Wish = Type.Union([
  Type.Literal('pause'),
  Type.Literal('resume'),
  Type.Literal('moveHere'),
  Type.Literal('moveToServer'),
  Type.Literal('cancelMove'),
  Type.Literal('rebootNative'),
]);
export type Wish = Static<typeof Wish>;

/** Why a wish is not offered. The agent has words for each in its languages; `other` comes with a sentence. */
export const WhyNot = Type.Union([
  Type.Literal('noPc'),
  Type.Literal('alreadyThere'),
  Type.Literal('moving'),
  Type.Literal('noMove'),
  Type.Literal('tooLate'),
  Type.Literal('preparing'),
  Type.Literal('leaving'),
  Type.Literal('linkLost'),
  Type.Literal('syncFailed'),
  Type.Literal('nothingToPause'),
  Type.Literal('alreadyPaused'),
  Type.Literal('notPaused'),
  Type.Literal('laterVersion'),
  Type.Literal('other'),
]);
export type WhyNot = Static<typeof WhyNot>;

/** Whether a wish would be granted now. */
export const Can = Type.Union([
  Type.Object({ possible: Type.Literal(true) }),
  Type.Object({
    possible: Type.Literal(false),
    why: WhyNot,
    text: Type.Optional(Type.String({ maxLength: 500, description: 'a sentence for people, when the host has one' })),
  }),
]);
export type Can = Static<typeof Can>;

const Machine = Type.Object({ name: Type.String({ maxLength: 128 }) });

/** Everything that the agent shows. Always whole, never a difference. */
export const AgentStatus = Type.Object({
  desktop: Type.String({ maxLength: 64, description: 'name of the desktop' }),
  place: Type.Union([Type.Literal('server'), Type.Literal('pc')], { description: 'where it runs now' }),
  server: Machine,
  pc: Type.Optional(Machine),
  sync: Type.Union([Type.Object({ kind: Type.Literal('none') }), SyncState]),
  complete: Type.Boolean({ description: 'the PC has every block: it can go on without the server' }),
  link: Type.Object({
    connected: Type.Boolean({ description: 'server and PC reach each other' }),
    since: Type.Optional(Timestamp),
  }),
  move: Type.Optional(Move),
  can: Type.Object({
    pause: Can,
    resume: Can,
    moveHere: Can,
    moveToServer: Can,
    cancelMove: Can,
    rebootNative: Can,
  }),
  notice: Type.Optional(Type.Object({ at: Timestamp, text: Type.String({ maxLength: 1000 }) })),
});
export type AgentStatus = Static<typeof AgentStatus>;

/** Ids of wishes: chosen by the agent, so that a frame that came twice is one wish. */
const WishId = Type.String({ pattern: '^[0-9a-zA-Z-]{1,40}$' });

export const GuestMessage = Type.Union([
  Type.Object(
    {
      type: Type.Literal('hello'),
      version: Type.String({ maxLength: 64, description: 'of the agent' }),
      system: Type.String({ maxLength: 64, description: 'linux, win32' }),
    },
    closed,
  ),
  Type.Object({ type: Type.Literal('ping') }, closed),
  Type.Object({ type: Type.Literal('wish'), id: WishId, wish: Wish }, closed),
]);
export type GuestMessage = Static<typeof GuestMessage>;

export const HostMessage = Type.Union([
  Type.Object({ type: Type.Literal('status'), status: AgentStatus }),
  Type.Object({
    type: Type.Literal('answer'),
    id: WishId,
    /** Absent: it is under way (or done); how it goes on is in the status. */
    error: Type.Optional(
      Type.Object({
        message: Type.String({ maxLength: 1000 }),
        hint: Type.Optional(Type.String({ maxLength: 1000 })),
      }),
    ),
  }),
]);
export type HostMessage = Static<typeof HostMessage>;
