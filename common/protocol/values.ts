/** What messages of several conversations consist of. */
import { Type } from 'typebox';

/** Names of users, desktops, images: what is safe in a file name, an LV name and a table. */
export const Name = Type.String({
  pattern: '^[a-z][a-z0-9-]{0,30}[a-z0-9]$',
  description: 'a-z, 0-9 and -, 2 to 32 characters, starts with a letter',
});
/** ISO 8601. */
export const Timestamp = Type.String({ format: 'date-time' });
/** Of a desktop, a session. */
export const Id = Type.String({ pattern: '^[0-9a-f]{16}$' });
/** For what is sent to a host or the server: a key that it does not know is an error, not a surprise. */
export const closed = { additionalProperties: false } as const;
