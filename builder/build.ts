/** The recipes: what is done for a profile, one call a step. */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stageApp, stageNode } from './app-layer.ts';
import { publishArtefacts } from './artefacts.ts';
import { bootFiles } from './boot-files.ts';
import { type BuildContext, SOURCE_DATE_EPOCH } from './context.ts';
import { debugFiles } from './debug-layer.ts';
import { type Layer, makeInitrd } from './initrd.ts';
import { makeIso } from './iso.ts';
import { installKernelModules, type ModuleChoice } from './kernel-modules.ts';
import type { LiveProfile } from './profile.ts';
import { rootLayer } from './root-layer.ts';
import { folderLayer, nodeLayer } from './small-layers.ts';

/**
 * zstd level of the root layer. Measured on 389 MB of libraries, blocks of 256 KiB, seconds of one core:
 * 3: 160.7 MB in 1.5 s; 9: 152.3 MB in 5.3 s; 15: 141.8 MB in 39 s. Paid once a package change; every PC loads it.
 */
const ROOT_LEVEL = 15;

/** Makes the live system and returns the folder with ISO, kernel, initrd and manifest. */
export async function buildLive(ctx: BuildContext, profile: LiveProfile): Promise<string> {
  const boot = await bootFiles(ctx);
  const modules = wantedModules(profile, ctx.options.firmware);
  const root = await rootLayer(ctx, profile.root, {
    key: { kernel: boot.kernelVersion, packages: boot.packages, modules, level: ROOT_LEVEL },
    level: ROOT_LEVEL,
    work: (tree) => installKernelModules(ctx, boot, modules, tree),
  });
  const layers: Layer[] = [{ name: '00-root', squashfs: root.squashfs }];
  if (profile.withNode) layers.push({ name: '05-node', squashfs: await nodeLayer(ctx, stageNode) });
  layers.push({
    name: '10-app',
    squashfs: await folderLayer(ctx, 'Bundle the programs and pages', (folder) => stageApp(ctx, profile, folder)),
  });
  if (ctx.options.debug)
    layers.push({ name: '20-debug', squashfs: await folderLayer(ctx, 'Add the debug shell', debugFiles) });

  const out = join(ctx.workFolder, 'out');
  await mkdir(out);
  await cp(join(boot.folder, 'vmlinuz'), join(out, 'vmlinuz'));
  await makeInitrd(ctx, boot, layers, join(out, 'initrd.img'));
  await makeIso(ctx, profile, boot, out);
  return publishArtefacts(ctx, profile, {
    folder: out,
    packages: [...root.packages, ...boot.packages],
    layers,
    date: SOURCE_DATE_EPOCH,
  });
}

function wantedModules({ modules }: LiveProfile, firmware: boolean): ModuleChoice {
  const { keep, drop, needFirmware } = modules;
  return { keep, drop: firmware ? drop : [...drop, ...needFirmware] };
}
