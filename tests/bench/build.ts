/**
 * How long the live image takes to build: from nothing, and again after a change in TypeScript. Beside both: bare
 * mmdebstrap and mksquashfs of the same packages. The downloaded packages are at hand for either side.
 */
import { appendFile, cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Cleanup } from '#common/cleanup.ts';
import { removeTree } from '#common/files.ts';
import { run } from '#common/run.ts';
import { Cache, cacheFolder } from '../../builder/cache.ts';
import { CHECKOUT } from '../../builder/context.ts';
import { type Bench, secondsOf } from './bench.ts';
import { type Figure, median } from './figure.ts';
import { installPackages, packRoot } from './plain-live.ts';

const HOUR = 60 * 60_000;
const NOTHING_AIM = 1.3;
const AGAIN_AIM_SECONDS = 20;

export const build: Bench = {
  figures: {
    build: 'building the live image with an empty cache',
    rebuild: 'building it again after a change in TypeScript',
  },
  runs: 1,
  run: async ({ wanted, runs, say, report }) => {
    const cleanup = new Cleanup();
    const work = await new Cache(cacheFolder()).workFolder();
    cleanup.add('removing the work folder', () => removeTree(work));
    try {
      const checkout = join(work, 'checkout');
      await copyCheckout(checkout);
      const times = { build: [] as number[], rebuild: [] as number[], bare: [] as number[] };
      for (let i = 0; i < runs; i++) {
        const cache = join(work, `cache-${i}`);
        await mkdir(join(cache, 'flexdeploy'), { recursive: true });
        // hard links: the packages as if just downloaded, and nothing else
        await run(['cp', '-al', new Cache(cacheFolder()).debs, join(cache, 'flexdeploy/debs')], { timeoutMs: HOUR });
        say('ours with an empty cache');
        times.build.push(await secondsOf(() => buildClient(checkout, cache)));
        times.rebuild.push(await changeAndBuild(checkout, cache, i, say));
        say('bare mmdebstrap and mksquashfs');
        const root = join(work, `root-${i}`);
        times.bare.push(
          await secondsOf(async () => {
            await installPackages(root, { alsoLive: false });
            await packRoot(root, `${root}.squashfs`);
          }),
        );
        await removeTree(root);
        say(`seconds: ${JSON.stringify(times)}`);
      }
      const [ours, again, peer] = [median(times.build), median(times.rebuild), median(times.bare)];
      const figures: Figure[] = [
        { name: 'build', ours, peer, unit: 's', aim: `${NOTHING_AIM} times`, met: ours <= NOTHING_AIM * peer },
        {
          ...{ name: 'rebuild', ours: again, peer, unit: 's' },
          ...{ aim: `under ${AGAIN_AIM_SECONDS} s`, met: again < AGAIN_AIM_SECONDS },
        },
      ];
      await report(...figures.filter((f) => wanted.has(f.name)));
    } finally {
      await cleanup.run();
    }
  },
};

/** The files of the checkout as they are now, in a folder where they may be changed. */
async function copyCheckout(to: string): Promise<void> {
  const { stdout } = await run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: CHECKOUT,
  });
  for (const path of new Set(stdout.split('\0').filter(Boolean))) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await cp(join(CHECKOUT, path), join(to, path), { verbatimSymlinks: true }).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // deleted, and git was not told yet
    });
  }
  await symlink(join(CHECKOUT, 'node_modules'), join(to, 'node_modules'));
}

async function buildClient(checkout: string, cache: string): Promise<void> {
  await run([process.execPath, 'builder/main.ts', 'client', '--out', join(checkout, 'out/images')], {
    cwd: checkout,
    timeoutMs: HOUR,
    env: { XDG_CACHE_HOME: cache },
  });
}

/** Changes the PC's program, builds, and makes sure that something else came out. */
async function changeAndBuild(
  checkout: string,
  cache: string,
  i: number,
  say: (line: string) => void,
): Promise<number> {
  const initrd = async () => {
    const manifest = JSON.parse(await readFile(join(checkout, 'out/images/client/manifest.json'), 'utf8')) as {
      files: { name: string; sha256: string }[];
    };
    return manifest.files.find((f) => f.name === 'initrd.img')?.sha256;
  };
  const before = await initrd();
  await appendFile(join(checkout, 'client-runtime/main.ts'), `\nexport const benchChange${i} = ${i};\n`);
  say('ours again, after a change in TypeScript');
  const seconds = await secondsOf(() => buildClient(checkout, cache));
  if ((await initrd()) === before) throw new Error('the change is not in the second build');
  return seconds;
}
