/** Packs a folder into a squashfs with fixed dates, so that the same folder gives the same bytes. */
import { cpus } from 'node:os';
import { UserError } from '#common/errors.ts';
import { RunError, run } from '#common/run.ts';
import { type BuildContext, SOURCE_DATE_EPOCH } from './context.ts';

/**
 * @param options `level`: zstd level, 1 to 22; `allRoot`: every file belongs to root
 */
export async function makeSquashfs(
  ctx: BuildContext,
  folder: string,
  to: string,
  options: { level: number; allRoot?: boolean },
): Promise<void> {
  try {
    await run(
      [
        'mksquashfs',
        folder,
        to,
        '-comp',
        'zstd',
        '-Xcompression-level',
        String(options.level),
        '-b',
        '256K',
        '-noappend',
        '-no-progress',
        '-quiet',
        '-processors',
        String(cpus().length),
        '-all-time',
        String(SOURCE_DATE_EPOCH),
        '-mkfs-time',
        String(SOURCE_DATE_EPOCH),
        '-no-xattrs',
        ...(options.allRoot ? ['-all-root'] : []),
      ],
      { timeoutMs: 20 * 60_000, signal: ctx.signal },
    );
  } catch (error) {
    if (error instanceof RunError && /No space left/.test(error.stderr)) {
      throw new UserError('the disk is full', {
        hint: 'Free some space (npm run build -- clean empties the build cache).',
        cause: error,
      });
    }
    throw error;
  }
}
