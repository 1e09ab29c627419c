/** What every step of a build gets: where things are, how to tell progress, what to undo. */
import { fileURLToPath } from 'node:url';
import type { Cleanup } from '#common/cleanup.ts';
import type { Cache } from './cache.ts';
import type { Progress } from './progress.ts';

/** The checkout's top folder, absolute, without a slash at the end. */
export const CHECKOUT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/**
 * The date that every file of an image bears, in seconds since the epoch (2026-01-01 UTC): the same inputs have to give
 * the same bytes.
 */
export const SOURCE_DATE_EPOCH = 1_767_225_600;

export interface BuildOptions {
  debug: boolean;
  /** Install the profile's firmware packages. */
  firmware: boolean;
  /** Debian suite, e.g. `trixie`. */
  suite: string;
  /** Archive to use instead of the one this machine's apt uses. */
  mirror?: string | undefined;
  /** Security archive that goes with `mirror`. */
  securityMirror?: string | undefined;
  /** Values for flexdeploy.json on the medium. */
  config: Record<string, unknown>;
  /** Folder that gets `PROFILE/` with the artefacts, absolute. */
  outFolder: string;
}

export interface BuildContext {
  options: BuildOptions;
  progress: Progress;
  cache: Cache;
  /** Ends every child process when the person presses Ctrl-C. */
  signal: AbortSignal;
  /** Runs when the build ends, however it ends. */
  cleanup: Cleanup;
  /** A folder for this build only, on the cache's file system; gone when the build ends. */
  workFolder: string;
  /** Version of the checkout, e.g. `0.1.0`. */
  version: string;
}
