import { ApiError, LinkError, type LinkFailure } from '#common/http/pinned-client.ts';

/** The ApiError a call ends with; anything else fails the test. */
export async function refusal(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => new Error('this was to be refused'),
    (e) => e,
  );
  if (error instanceof ApiError) return error;
  throw error;
}

/** What is wrong with the link, as a call found it. */
export async function linkFailure(call: Promise<unknown>): Promise<LinkFailure> {
  const error = await call.then(
    () => new Error('this was to fail'),
    (e) => e,
  );
  if (error instanceof LinkError) return error.failure;
  throw error;
}
