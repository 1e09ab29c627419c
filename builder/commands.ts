/** What the command line's commands do. */
import { Cleanup } from '#common/cleanup.ts';
import { UserError } from '#common/errors.ts';
import { removeTree } from '#common/files.ts';
import { type AgentBuild, buildAgent } from './agent-command.ts';
import { buildLive } from './build.ts';
import { Cache, cacheFolder } from './cache.ts';
import type { BuildContext, BuildOptions } from './context.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { buildDisk } from './disk-build.ts';
import { lockFolder } from './lock.ts';
import type { Profile } from './profile.ts';
import { createProgress, formatSeconds } from './progress.ts';
import { assertRequirements, becomeRoot } from './requirements.ts';

export interface BuildRequest {
  options: BuildOptions;
  json: boolean;
  fresh: boolean;
  version: string;
}

/** Builds one image, from checks to the artefacts. Prints where they are. */
export async function buildImage(profile: Profile, request: BuildRequest): Promise<void> {
  if (await becomeRoot()) return;
  await ensureDebianPackages();
  await assertRequirements(profile);
  await withContext(request, (ctx) => buildProfile(ctx, profile));
}

/** Builds the guest agent. Prints where it is. */
export async function buildAgentPackages(wanted: AgentBuild, request: BuildRequest): Promise<void> {
  if (await becomeRoot()) return;
  await withContext(request, (ctx) => buildAgent(ctx, wanted));
}

/** Does `work` with the build's cache, progress and undo stack. */
async function withContext(request: BuildRequest, work: (ctx: BuildContext) => Promise<string>): Promise<void> {
  const start = performance.now();
  const cache = new Cache(cacheFolder(), { fresh: request.fresh });
  const unlock = await lockFolder(cache.folder);
  const cleanup = new Cleanup();
  const abort = new AbortController();
  const interrupt = () => abort.abort(new UserError('interrupted; nothing was changed'));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const style = request.json ? 'json' : process.stderr.isTTY ? 'live' : 'plain';
    const workFolder = await cache.workFolder();
    cleanup.add('remove the work folder', () => removeTree(workFolder));
    const ctx: BuildContext = {
      options: request.options,
      progress: createProgress(style),
      cache,
      signal: abort.signal,
      cleanup,
      workFolder,
      version: request.version,
    };
    const folder = await work(ctx);
    const freed = await cache.evict();
    if (freed > 0) ctx.progress.note(`Freed ${Math.round(freed / 1e6)} MB in the build cache.`);
    if (request.json)
      console.log(JSON.stringify({ event: 'built', folder, ms: Math.round(performance.now() - start) }));
    else console.error(`${formatSeconds(performance.now() - start)}  in all: ${folder}`);
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : diskFull(error);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await cleanup.run();
    unlock();
  }
}

async function buildProfile(ctx: BuildContext, profile: Profile): Promise<string> {
  switch (profile.kind) {
    case 'live':
      return buildLive(ctx, profile);
    case 'disk':
      return buildDisk(ctx, profile);
    default:
      return profile satisfies never;
  }
}

function diskFull(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ENOSPC') return error;
  return new UserError('the disk is full', {
    hint: 'Free some space (npm run build -- clean empties the build cache).',
    cause: error,
  });
}

/** Empties the build cache. */
export async function cleanCache(): Promise<void> {
  if (await becomeRoot()) return;
  const cache = new Cache(cacheFolder());
  const unlock = await lockFolder(cache.folder);
  try {
    const bytes = await cache.clean();
    console.log(`Removed ${(bytes / 1e6).toFixed(0)} MB from ${cache.folder}.`);
  } finally {
    unlock();
  }
}
