/**
 * Expected failures. Code that wants to tell a person something went wrong throws a {@link UserError};
 * one place per program prints it, without a stack. Everything else that is thrown is a bug and keeps its stack.
 */
export class UserError extends Error {
  /** What to do about it, one sentence. */
  readonly hint: string | undefined;

  /**
   * @param message what went wrong and why, in words a person understands
   * @param options `hint`: what to do; `cause`: the error underneath
   */
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.hint = options.hint;
  }
}

/** The message of anything that can be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What to print for an error at the top of a program: message and hint for expected failures, the stack for bugs. */
export function describeError(error: unknown): string {
  if (error instanceof UserError) return error.hint ? `${error.message}\n  ${error.hint}` : error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
