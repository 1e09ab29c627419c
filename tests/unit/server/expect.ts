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

/** Waits until `condition` holds, 5 s at most. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('waited for 5 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
