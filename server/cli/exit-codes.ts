import { CommanderError } from 'commander';
import { UserError } from '#common/errors.ts';
import { ApiError, LinkError } from '#common/http/pinned-client.ts';

/** What a script can decide on; documented in docs/cli.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  noServer: 3,
  notAllowed: 4,
  notFound: 5,
  conflict: 6,
  interrupted: 130,
} as const;

/** The command line was not right in a way that commander does not see. */
export class UsageError extends UserError {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof LinkError) return EXIT.noServer;
  if (!(error instanceof ApiError)) return EXIT.failed;
  switch (error.code) {
    case 'unauthorized':
    case 'wrong_login':
    case 'locked_out':
    case 'forbidden':
      return EXIT.notAllowed;
    case 'not_found':
      return EXIT.notFound;
    case 'conflict':
      return EXIT.conflict;
    case 'bad_request':
    case 'too_many_requests':
    case 'unavailable':
    case 'internal':
      return EXIT.failed;
  }
}
