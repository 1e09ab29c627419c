import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { run } from './run.ts';

/**
 * Writes a whole file so that a reader, or a power cut, sees the old content or the new one, never a part:
 * temporary file beside it, fsync, rename, fsync of the folder.
 */
export async function writeFileDurably(path: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Removes a folder in which a system was made, if it is there: 40,000 files, which take Node's own `rm` seconds. It does
 * not go into other file systems: who mounted /dev there may have been killed.
 * @throws RunError when something stays
 */
export async function removeTree(folder: string, signal?: AbortSignal): Promise<void> {
  await run(['rm', '-rf', '--one-file-system', folder], { timeoutMs: 10 * 60_000, ...(signal && { signal }) });
}
