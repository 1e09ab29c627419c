import { UserError } from '#common/errors.ts';
import type { ErrorCode } from '#common/protocol/client-server.ts';

/** Why a server cannot be talked to. The same shapes are a part of the kiosk's `LinkProblem`. */
export type LinkFailure =
  | { kind: 'nameNotFound'; host: string }
  | { kind: 'unreachable'; host: string; detail: string }
  | { kind: 'wrongCertificate'; host: string; expected: string; found: string }
  | { kind: 'notFlexDeploy'; host: string; detail: string };

/** There is no (right) server on the line. `failure` says which way, for code that decides on it. */
export class LinkError extends UserError {
  readonly failure: LinkFailure;

  constructor(failure: LinkFailure, cause?: unknown) {
    super(sentence(failure), { hint: hint(failure), cause });
    this.name = 'LinkError';
    this.failure = failure;
  }
}

/** The server answered with an error. */
export class ApiError extends UserError {
  readonly status: number;
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    error: { code: ErrorCode; message: string; hint?: string | undefined; retryAfterSeconds?: number | undefined },
  ) {
    super(error.message, error.hint === undefined ? {} : { hint: error.hint });
    this.name = 'ApiError';
    this.status = status;
    this.code = error.code;
    this.retryAfterSeconds = error.retryAfterSeconds;
  }
}

function sentence(failure: LinkFailure): string {
  switch (failure.kind) {
    case 'nameNotFound':
      return `the name ${failure.host} was not found`;
    case 'unreachable':
      return `${failure.host} cannot be reached: ${failure.detail}`;
    case 'wrongCertificate':
      return `${failure.host} is not the expected server: expected the CA ${failure.expected}, found ${failure.found}`;
    case 'notFlexDeploy':
      return `${failure.host} is not a FlexDeploy server: ${failure.detail}`;
  }
}

function hint(failure: LinkFailure): string {
  switch (failure.kind) {
    case 'nameNotFound':
      return 'Check the name for typing errors, and the DNS server.';
    case 'unreachable':
      return 'Check that the server is on, and that the network and the port are right.';
    case 'wrongCertificate':
      return 'Compare with the fingerprint on the console of the server. If they differ, somebody may be in between.';
    case 'notFlexDeploy':
      return 'Check the address and the port.';
  }
}
