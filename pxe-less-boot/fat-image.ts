/** The FAT images inside the ISO: the configuration partition FLEXDEPLOY, and the EFI system partition. Through mtools. */
import { cp, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '#common/run.ts';

export interface FatImage {
  label: string;
  /** MiB; FAT16 from 4 MiB on */
  mib: number;
  /** 8 hex digits */
  volumeId: string;
  /** Path inside (folders are made) -> content, or a file to copy. */
  files: Readonly<Record<string, Uint8Array | string | { file: string }>>;
  /** Seconds since the epoch, borne by all files. */
  date: number;
}

/** Writes a new FAT image; the same contents give the same bytes. */
export async function writeFatImage(to: string, image: FatImage): Promise<void> {
  const env = { SOURCE_DATE_EPOCH: String(image.date), MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' };
  await rm(to, { force: true });
  await run([
    'mkfs.vfat',
    '-F',
    '16',
    '-s',
    image.mib > 16 ? '4' : '1',
    '-S',
    '512',
    '-n',
    image.label,
    '-i',
    image.volumeId,
    '--invariant',
    '-C',
    to,
    String(image.mib * 1024),
  ]);
  const folders = new Set<string>();
  const work = await mkdtemp(join(tmpdir(), 'flexdeploy-fat-'));
  try {
    for (const path of Object.keys(image.files).sort()) {
      const parts = path.split('/');
      for (let depth = 1; depth < parts.length; depth++) {
        const folder = parts.slice(0, depth).join('/');
        if (folders.has(folder)) continue;
        folders.add(folder);
        await run(['mmd', '-i', to, `::/${folder}`], { env });
      }
      const content = image.files[path];
      if (content === undefined) continue;
      const file = join(work, 'file');
      if (typeof content === 'object' && 'file' in content) await cp(content.file, file);
      else await writeFile(file, content);
      await utimes(file, image.date, image.date);
      await run(['mcopy', '-m', '-o', '-i', to, file, `::/${path}`], { env });
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
