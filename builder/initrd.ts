/** The initrd: busybox, /init, three kernel modules, and the layers as squashfs files, in one plain cpio archive. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type CpioEntry, cpioArchive } from '../pxe-less-boot/cpio.ts';
import type { BootFiles } from './boot-files.ts';
import { type BuildContext, CHECKOUT, SOURCE_DATE_EPOCH } from './context.ts';
import { initrdModules } from './kernel-modules.ts';

export interface Layer {
  /** Two digits say the order, the lowest at the bottom: `00-root`. */
  name: string;
  squashfs: string;
}

/** What /init calls. */
const APPLETS = [
  'sh',
  'mount',
  'mkdir',
  'insmod',
  'cat',
  'chmod',
  'sleep',
  'switch_root',
  'sha256sum',
  'cut',
  'grep',
] as const;

export async function makeInitrd(
  ctx: BuildContext,
  boot: BootFiles,
  layers: readonly Layer[],
  to: string,
): Promise<void> {
  await ctx.progress.step('Put the layers into the initrd', async () => {
    const modules = await initrdModules(boot, ctx.workFolder);
    const sums = await Promise.all(
      layers.map(async (l) => `${await sha256File(l.squashfs)}  /layers/${l.name}.squashfs\n`),
    );
    const entries: CpioEntry[] = [
      ...['dev', 'proc', 'sys', 'run'].map((path): CpioEntry => ({ kind: 'folder', path, mode: 0o755 })),
      // /init writes to the console before devtmpfs is there
      { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
      { kind: 'file', path: 'init', mode: 0o755, content: await readFile(join(CHECKOUT, 'pxe-less-boot/init')) },
      { kind: 'file', path: 'bin/busybox', mode: 0o755, content: { file: join(boot.folder, 'busybox') } },
      ...APPLETS.map((name): CpioEntry => ({ kind: 'symlink', path: `bin/${name}`, mode: 0o777, target: 'busybox' })),
      ...modules.map(
        (m): CpioEntry => ({ kind: 'file', path: `modules/${m.name}.ko`, mode: 0o644, content: { file: m.file } }),
      ),
      { kind: 'file', path: 'layers.sha256', mode: 0o644, content: Buffer.from(sums.join('')) },
      ...layers.map(
        (l): CpioEntry => ({
          kind: 'file',
          path: `layers/${l.name}.squashfs`,
          mode: 0o644,
          content: { file: l.squashfs },
        }),
      ),
    ];
    await pipeline(cpioArchive(entries, SOURCE_DATE_EPOCH), createWriteStream(to), { signal: ctx.signal });
  });
}

/** SHA-256 (hex) of a file. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
