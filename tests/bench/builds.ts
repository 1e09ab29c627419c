/**
 * How long the live image takes to build: from nothing (downloaded packages are at hand, for both sides), and again
 * after a change in TypeScript. Beside it: bare mmdebstrap and mksquashfs of the same packages.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Cleanup } from '#common/cleanup.ts';
import { run } from '#common/run.ts';
import type { Bench } from './main.ts';
import { installPackages } from './plain-live.ts';

const HOUR = 60 * 60_000;

export const builds: Bench = {
  name: 'builds',
  about: 'building the live image, from nothing and again',
  run: async (say) => {
    const work = await mkdtemp('/var/tmp/flexdeploy-bench-');
    const cleanup = new Cleanup();
    cleanup.add('removing the work folder', () => rm(work, { recursive: true, force: true }));
    try {
      const build = () => buildClient(join(work, 'cache'), join(work, 'images'));
      say('building with an empty cache');
      const fromNothing = await seconds(build);
      // Programs and pages are bundled anew in every build, so that a second one does what a changed file asks for
      say('building again');
      const again = await seconds(build);
      const bare = await seconds(async () => {
        await installPackages(join(work, 'root'), say);
        await run(['mksquashfs', join(work, 'root'), join(work, 'bare.squashfs'), '-no-progress', '-quiet'], {
          timeoutMs: HOUR,
        });
      });
      return [
        {
          name: 'build from nothing',
          ours: fromNothing,
          peer: bare,
          unit: 's',
          aim: '1.3 times the bare tools, or less',
          met: fromNothing <= 1.3 * bare,
        },
        { name: 'rebuild after a change', ours: again, peer: bare, unit: 's', aim: 'under 20 s', met: again < 20 },
      ];
    } finally {
      await cleanup.run();
    }
  },
};

async function buildClient(cache: string, out: string): Promise<void> {
  await run([process.execPath, 'builder/main.ts', 'client', '--out', out], {
    timeoutMs: HOUR,
    env: { XDG_CACHE_HOME: cache },
  });
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
