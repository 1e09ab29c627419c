import { UserError } from '#common/errors.ts';
import type { ErrorBody, ErrorCode } from '#common/protocol/client-server.ts';

const STATUS: Record<ErrorCode, number> = {
  bad_request: 400,
  unauthorized: 401,
  wrong_login: 401,
  locked_out: 429,
  too_many_requests: 429,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  unavailable: 503,
  internal: 500,
};

export interface ProblemOptions {
  hint?: string;
  retryAfterSeconds?: number;
  cause?: unknown;
  /** Where the code's usual status is not exact enough (413, 415). */
  status?: number;
}

/** An expected failure of a request: thrown anywhere below a route, becomes the answer as it is. */
export class Problem extends UserError {
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: ProblemOptions = {}) {
    super(message, options);
    this.name = 'Problem';
    this.code = code;
    this.status = options.status ?? STATUS[code];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get body(): ErrorBody {
    return {
      error: {
        code: this.code,
        message: this.message,
        ...(this.hint !== undefined && { hint: this.hint }),
        ...(this.retryAfterSeconds !== undefined && { retryAfterSeconds: this.retryAfterSeconds }),
      },
    };
  }
}

/** How loud a failure is logged: what the world does to us is a warning, anything else a mistake of ours. */
export function levelOf(error: unknown): 'warn' | 'error' {
  return error instanceof UserError ? 'warn' : 'error';
}
