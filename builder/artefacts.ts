/** The last step: manifest, then everything appears in the output folder at once. */
import { cp, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileDurably } from '#common/files.ts';
import type { BuildContext } from './context.ts';
import type { InstalledPackage } from './debian-tree.ts';
import { type Layer, sha256File } from './initrd.ts';
import type { Profile } from './profile.ts';

export interface Manifest {
  profile: string;
  version: string;
  suite: string;
  debug: boolean;
  /** ISO date that all files bear. */
  date: string;
  files: { name: string; bytes: number; sha256: string }[];
  layers: { name: string; bytes: number; sha256: string }[];
  packages: InstalledPackage[];
}

/** Name of the folder below the output folder: `client`, `client-debug`. */
export function artefactFolder(profile: string, debug: boolean): string {
  return debug ? `${profile}-debug` : profile;
}

/**
 * Writes manifest.json beside the finished files and moves them to the output folder, replacing the last build whole.
 * @returns the folder
 */
export async function publishArtefacts(
  ctx: BuildContext,
  profile: Profile,
  made: { folder: string; packages: readonly InstalledPackage[]; layers: readonly Layer[]; date: number },
): Promise<string> {
  return ctx.progress.step('Write the manifest', async () => {
    const to = join(ctx.options.outFolder, artefactFolder(profile.name, ctx.options.debug));
    const near = `${to}.new-${process.pid}`;
    const old = `${to}.old-${process.pid}`;
    await mkdir(ctx.options.outFolder, { recursive: true });
    const removeNear = () => rm(near, { recursive: true, force: true });
    ctx.cleanup.add('remove unfinished artefacts', removeNear);
    await removeNear(); // of a process with the same number that was killed
    await moveFolder(made.folder, near);
    const names = (await readdir(near)).sort();
    // Hashing waits for the processor, synchronising for the disk: both at once.
    const [files, layers] = await Promise.all([
      Promise.all(names.map((name) => describe(join(near, name), name))),
      Promise.all(made.layers.map((layer) => describe(layer.squashfs, layer.name))),
      Promise.all(names.map((name) => syncFile(join(near, name)))),
    ]);
    const manifest: Manifest = {
      profile: profile.name,
      version: ctx.version,
      suite: ctx.options.suite,
      debug: ctx.options.debug,
      date: new Date(made.date * 1000).toISOString(),
      files,
      layers,
      packages: [...made.packages].sort((a, b) => (a.name < b.name ? -1 : 1)),
    };
    await writeFileDurably(join(near, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    await rename(to, old).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(near, to);
    await rm(old, { recursive: true, force: true });
    return to;
  });
}

async function describe(path: string, name: string): Promise<Manifest['files'][number]> {
  return { name, bytes: (await stat(path)).size, sha256: await sha256File(path) };
}

/** The work folder may be on another file system than the checkout; then the files are copied. */
async function moveFolder(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EXDEV') throw error;
    await cp(from, to, { recursive: true });
  });
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } catch (cause) {
    throw new Error(`${basename(path)} cannot be written out`, { cause });
  } finally {
    await file.close();
  }
}
