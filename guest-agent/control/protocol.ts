/**
 * The conversation between the agent's service and what shows it to the person (command line, window), over a local
 * socket that nobody outside the desktop reaches: one JSON object a line. The service says a view when a client has
 * connected and whenever it changes; a client sends wishes, each answered by its id.
 */
import { type Static, Type } from 'typebox';
import { AgentStatus, Wish } from '#common/protocol/host-guest.ts';

/** Longest line of a client, in bytes. */
export const LINE_LIMIT = 4096;

const Since = Type.Number({ description: 'ms since the epoch' });

/** What the agent knows: of the host it talks to, and the last that host said. */
export const View = Type.Object({
  version: Type.String({ description: 'of the agent' }),
  host: Type.Union([
    Type.Object({ kind: Type.Literal('noPort'), since: Since }),
    Type.Object({ kind: Type.Literal('refused'), since: Since, reason: Type.String() }),
    Type.Object({ kind: Type.Literal('away'), since: Since }),
    Type.Object({ kind: Type.Literal('there'), since: Since }),
  ]),
  status: Type.Optional(AgentStatus),
});
export type View = Static<typeof View>;

export const Request = Type.Object({ id: Type.Integer({ minimum: 0 }), wish: Wish }, { additionalProperties: false });
export type Request = Static<typeof Request>;

export const Reply = Type.Union([
  Type.Object({ view: View }),
  Type.Object({
    answer: Type.Integer(),
    error: Type.Optional(Type.Object({ message: Type.String(), hint: Type.Optional(Type.String()) })),
  }),
]);
export type Reply = Static<typeof Reply>;

/** Where the service listens. On Windows a named pipe, which is local to the machine unless told otherwise. */
export function controlPath(platform: NodeJS.Platform): string {
  return platform === 'win32' ? '\\\\.\\pipe\\flexdeploy-agent' : '/run/flexdeploy-agent/control.sock';
}
