/** Puts the kernel modules that a profile keeps, and what those need, into a root tree. */
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join, matchesGlob } from 'node:path';
import { run } from '#common/run.ts';
import type { BootFiles } from './boot-files.ts';
import type { BuildContext } from './context.ts';
import type { KernelModules } from './profile.ts';

/** What to install: patterns relative to /lib/modules/VERSION/kernel. */
export type ModuleChoice = Pick<KernelModules, 'keep' | 'drop'>;

/**
 * Copies the modules, unpacked (the squashfs packs them, and loading is faster) with their signatures, and runs depmod.
 * @param root a root tree with kmod in it
 */
export async function installKernelModules(
  ctx: BuildContext,
  boot: BootFiles,
  choice: ModuleChoice,
  root: string,
): Promise<void> {
  const version = boot.kernelVersion;
  const all = join(ctx.workFolder, 'modules');
  await cp(join(boot.folder, 'modules', version), all, { recursive: true });
  await run(['find', all, '-name', '*.ko.xz', '-exec', 'xz', '--decompress', '--threads=0', '{}', '+'], {
    timeoutMs: 300_000,
    signal: ctx.signal,
  });
  const paths = (await readdir(all, { recursive: true })).filter((path) => path.endsWith('.ko')).sort();
  const needs = new Map<string, string[]>();
  for (const path of paths) needs.set(path, moduleDepends(await readFile(join(all, path))));
  const to = join(root, 'usr/lib/modules', version);
  for (const path of chooseModules(needs, choice)) {
    await mkdir(join(to, dirname(path)), { recursive: true });
    await cp(join(all, path), join(to, path));
  }
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order'])
    await cp(join(all, name), join(to, name));
  await run(['chroot', root, 'depmod', '-a', version]);
  await run(['rm', '-r', all]);
}

/** Names of the modules that a module needs, from its `.modinfo` (`depends=a,b`). */
export function moduleDepends(module: Buffer): string[] {
  const at = module.indexOf('\0depends=');
  if (at < 0) return [];
  const text = module.subarray(at + 9, module.indexOf(0, at + 9)).toString('latin1');
  return text ? text.split(',') : [];
}

/**
 * The paths to install, sorted: those that match a `keep` and no `drop` pattern (relative to `kernel/`), and all that they need.
 * @param needs path of each module -> names of the modules that it needs
 */
export function chooseModules(needs: ReadonlyMap<string, readonly string[]>, choice: ModuleChoice): string[] {
  const byName = new Map([...needs.keys()].map((path) => [moduleName(path), path]));
  const chosen = new Set<string>();
  const add = (path: string) => {
    if (chosen.has(path)) return;
    chosen.add(path);
    for (const name of needs.get(path) ?? []) {
      const needed = byName.get(name.replaceAll('-', '_'));
      if (needed) add(needed);
    }
  };
  for (const path of needs.keys()) {
    const inKernel = path.replace(/^kernel\//, '');
    const matches = (pattern: string) => matchesGlob(inKernel, pattern);
    if (choice.keep.some(matches) && !choice.drop.some(matches)) add(path);
  }
  return [...chosen].sort();
}

function moduleName(path: string): string {
  return path.replace(/^.*\//, '').replace(/\.ko$/, '').replaceAll('-', '_');
}

/** The plain .ko files that /init loads, unpacked into `folder`. */
export async function initrdModules(boot: BootFiles, folder: string): Promise<{ name: string; file: string }[]> {
  const paths = { loop: 'drivers/block/loop', squashfs: 'fs/squashfs/squashfs', overlay: 'fs/overlayfs/overlay' };
  const modules: { name: string; file: string }[] = [];
  for (const [name, path] of Object.entries(paths)) {
    const file = join(folder, `${name}.ko`);
    const packed = join(boot.folder, 'modules', boot.kernelVersion, 'kernel', `${path}.ko.xz`);
    await cp(packed, `${file}.xz`);
    await run(['xz', '--decompress', '--force', `${file}.xz`]);
    const depends = moduleDepends(await readFile(file));
    if (depends.length > 0)
      throw new Error(`kernel module ${name} needs ${depends.join(', ')}, which the initrd does not load`);
    modules.push({ name, file });
  }
  return modules;
}
