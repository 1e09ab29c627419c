import { writeFile } from 'node:fs/promises';
import { run } from '#common/run.ts';

/** A parameter of the module, changed while it is loaded (drbd_main.c: mode 0644). */
const HELPER = '/sys/module/drbd/parameters/usermode_helper';

/**
 * Loads DRBD, and keeps it from calling drbdadm on its own: without our file that fails, and DRBD then drops the
 * connection (before-resync-source). Also where somebody else has loaded it before.
 */
export async function loadDrbd(): Promise<void> {
  await run(['modprobe', 'drbd'], { timeoutMs: 60_000 });
  await writeFile(HELPER, '/bin/true');
}
