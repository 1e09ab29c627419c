/** How big the ISO is. Beside it: a plain Debian live system with the same packages (plain-live.ts). */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { ensureImages, IMAGES } from '../lab/images.ts';
import type { Bench } from './bench.ts';
import { plainLiveIso } from './plain-live.ts';

const MIB = 1024 ** 2;

export const isoSize: Bench = {
  figures: { 'iso-size': 'the ISO without firmware' },
  runs: 1,
  run: async ({ say, report }) => {
    await ensureImages(['client'], say);
    const ours = (await stat(IMAGES.clientIso(false))).size / MIB;
    const work = await mkdtemp('/var/tmp/flexdeploy-bench-');
    try {
      const peer = (await stat(await plainLiveIso(work, { config: {} }, say))).size / MIB;
      await report({ name: 'iso-size', ours, peer, unit: 'MiB', aim: '200 (at most 300)', met: ours <= 200 });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  },
};
