/** Reads and changes the FAT partition FLEXDEPLOY of a finished medium: an ISO file, or a stick written from one. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';
import { CONFIG_FILE } from './config-partition.ts';
import { type MbrPartition, readPartitionTable } from './mbr.ts';

const SECTOR = 512;
/** FAT image sizes that can be ours; what is larger is not our medium. */
const MAX_CONFIG_BYTES = 64 * 1024 * 1024;

/** flexdeploy.json as it is on the medium; `{}` if the file is missing. */
export async function readConfigFile(medium: string): Promise<string> {
  return withConfigPartition(medium, 'r', async ({ bytes }) => {
    return withImageFile(bytes, async (image) => {
      const { code, stdout } = await run(['mtype', '-i', image, `::/${CONFIG_FILE}`], {
        okExitCodes: [0, 1],
        env: MTOOLS,
      });
      return code === 0 ? stdout.replaceAll('\r\n', '\n') : '{}\n';
    });
  });
}

/**
 * Replaces flexdeploy.json. mtools works on a copy of the partition; only the blocks that then differ are written back,
 * file data and allocation table first, the directory (near the start) last, so that an interruption leaves the old file.
 */
export async function writeConfigFile(medium: string, text: string): Promise<void> {
  await withConfigPartition(medium, 'r+', async ({ file, partition, bytes }) => {
    const changed = await withImageFile(bytes, async (image, folder) => {
      const source = join(folder, CONFIG_FILE);
      await writeFile(source, text.replaceAll(/\r?\n/g, '\r\n'));
      await run(['mcopy', '-o', '-i', image, source, `::/${CONFIG_FILE}`], { env: MTOOLS });
      const copy = await open(image, 'r');
      try {
        return await copy.readFile();
      } finally {
        await copy.close();
      }
    });
    const start = partition.firstSector * SECTOR;
    for (let at = bytes.length - SECTOR; at >= 0; at -= SECTOR) {
      const block = changed.subarray(at, at + SECTOR);
      if (!block.equals(bytes.subarray(at, at + SECTOR))) await file.write(block, 0, SECTOR, start + at);
    }
    await file.sync();
  });
}

const MTOOLS = { MTOOLS_SKIP_CHECK: '1' };

interface ConfigPartition {
  file: Awaited<ReturnType<typeof open>>;
  partition: MbrPartition;
  bytes: Buffer;
}

async function withConfigPartition<T>(
  medium: string,
  mode: 'r' | 'r+',
  work: (p: ConfigPartition) => Promise<T>,
): Promise<T> {
  const file = await open(medium, mode).catch((cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'ENOENT'
        ? 'is not there'
        : cause.code === 'EACCES' || cause.code === 'EROFS'
          ? 'cannot be changed by you'
          : cause.message;
    throw new UserError(`${medium} ${why}`, { cause });
  });
  try {
    const sector = Buffer.alloc(SECTOR);
    await file.read(sector, 0, SECTOR, 0);
    const partition = readPartitionTable(sector).find((p) => p.type === 0x0c);
    const notOurs = new UserError(`${medium} is not a FlexDeploy boot medium`, {
      hint: 'Give the ISO that npm run build -- client made, or a stick written with it.',
    });
    if (!partition || partition.sectors * SECTOR > MAX_CONFIG_BYTES) throw notOurs;
    const bytes = Buffer.alloc(partition.sectors * SECTOR);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, partition.firstSector * SECTOR);
    if (bytesRead !== bytes.length || !bytes.subarray(0, SECTOR).includes('FLEXDEPLOY')) throw notOurs;
    return await work({ file, partition, bytes });
  } finally {
    await file.close();
  }
}

async function withImageFile<T>(bytes: Buffer, work: (image: string, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-config-'));
  try {
    const image = join(folder, 'config.img');
    await writeFile(image, bytes);
    return await work(image, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
