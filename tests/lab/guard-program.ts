/**
 * Runs inside a lab PC, as root: asks the disk guard for a disk, and says in one JSON line what came of it. With `write`
 * it fills the opened device with ones, which is what the wrong disk must never get.
 */
import { open } from 'node:fs/promises';
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import { listDisks } from '../../client-runtime/disks/candidates.ts';
import { Confirmations } from '../../client-runtime/disks/confirmations.ts';
import { makeGuard } from '../../client-runtime/disks/guard.ts';

interface Task {
  do: 'list' | 'write';
  bytes: number;
  disk?: DiskIdentity;
  confirmed?: boolean;
}

const task = JSON.parse(process.argv[2] ?? '') as Task;
const silent = { info: () => {} };

async function work({ do: what, bytes, disk, confirmed = true }: Task): Promise<unknown> {
  if (what === 'list' || !disk) return { disks: await listDisks(bytes, (words) => console.error(words)) };
  const confirmations = new Confirmations();
  if (confirmed) confirmations.give('desktop', disk);
  const openGuarded = makeGuard({ confirmations, log: silent });
  const opened = await openGuarded({
    disk,
    bytes,
    consent: { kind: 'person', note: 'in a test' },
    desktopId: 'desktop',
  });
  try {
    await using file = await open(opened.path, 'r+');
    const ones = Buffer.alloc(1024 * 1024, 0xff);
    // one MiB more than there is: the device ends where the desktop's disk does
    for (let at = 0; at <= bytes; at += ones.length) await file.write(ones, 0, ones.length, at).catch(() => {});
    await file.sync();
  } finally {
    await opened.release();
  }
  return { opened: opened.disk.serial };
}

console.log(
  JSON.stringify(
    await work(task).catch((error: Error) => ({ refused: error.message, expected: error.name !== 'Error' })),
  ),
);
