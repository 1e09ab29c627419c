/** How big the ISO is. Beside it: a plain Debian live system with the same packages (see plain-live.ts). */
import { stat } from 'node:fs/promises';
import { ensureImages, IMAGES } from '../lab/images.ts';
import type { Bench } from './main.ts';
import { plainLiveIso } from './plain-live.ts';

const MIB = 1024 ** 2;

export const size: Bench = {
  name: 'size',
  about: 'the ISO without firmware',
  run: async (say) => {
    await ensureImages(['client'], say);
    const ours = (await stat(IMAGES.clientIso(false))).size / MIB;
    const peer = (await stat(await plainLiveIso(say))).size / MIB;
    return [{ name: 'ISO size', ours, peer, unit: 'MiB', aim: '200 or less (300 at most)', met: ours <= 300 }];
  },
};
