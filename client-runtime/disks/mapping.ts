/**
 * The device over the chosen disk: `/dev/mapper/flexdeploy-disk`, a dm-linear of exactly the desktop's size from the
 * first sector. DRBD takes the size of its data device for the desktop's size, and nothing behind it can be written.
 */
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';
import type { Disk } from './inventory.ts';
import { MAPPED_NAME } from './rules.ts';

const SECTOR = 512;

export interface Covering {
  /** Its own kernel name: dm-0. */
  name: string;
  /** `major:minor` of the disk it lies over. */
  disk: string;
  bytes: number;
}

/** The device that is there now, if any. */
export async function coveringDevice(): Promise<Covering | undefined> {
  const { stdout: list } = await run(['dmsetup', 'info', '--columns', '--noheadings', '-o', 'name,blkdevname']);
  const line = list.split('\n').find((l) => l.startsWith(`${MAPPED_NAME}:`));
  if (!line) return undefined;
  const { stdout: table } = await run(['dmsetup', 'table', MAPPED_NAME]);
  return parseTable(line.split(':')[1]?.trim() ?? '', table);
}

/** `0 SECTORS linear MAJOR:MINOR 0`, see dmsetup(8) and the kernel's dm-linear. */
export function parseTable(name: string, table: string): Covering {
  const found = /^0 (\d+) linear (\d+:\d+) 0$/.exec(table.trim());
  if (!found?.[1] || !found[2]) throw new UserError(`${MAPPED_NAME} is not a device of ours: ${table.trim()}`);
  return { name, disk: found[2], bytes: Number(found[1]) * SECTOR };
}

export async function cover(disk: Disk, bytes: number): Promise<void> {
  await run(['dmsetup', 'create', MAPPED_NAME, '--table', `0 ${bytes / SECTOR} linear ${disk.number} 0`]);
}

/**
 * Takes the device away; done when there is none.
 * @throws UserError while something has it open
 */
export async function uncover(): Promise<void> {
  if ((await coveringDevice()) === undefined) return;
  try {
    await run(['dmsetup', 'remove', '--retry', MAPPED_NAME], { timeoutMs: 30_000 });
  } catch (cause) {
    throw new UserError('the disk that is attached to this PC now is still in use', { cause });
  }
}
