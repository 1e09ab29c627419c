import { mkdir, readFile } from 'node:fs/promises';
import { writeFileDurably } from '#common/files.ts';
import { run } from '#common/run.ts';
import { DESKTOP_USER } from './unit.ts';

/**
 * Lets the user that desktops run as open DRBD devices, and only those. A rule and not a chown: udev sets owner and mode
 * anew whenever a device changes. (Which of them a desktop may open is up to its unit's DeviceAllow.)
 */
export async function allowDesktopUser(): Promise<void> {
  const path = '/run/udev/rules.d/70-flexdeploy.rules';
  const rule = `SUBSYSTEM=="block", KERNEL=="drbd*", OWNER="${DESKTOP_USER}", GROUP="root", MODE="0600"\n`;
  if ((await readFile(path, 'utf8').catch(() => '')) === rule) return;
  await mkdir('/run/udev/rules.d', { recursive: true });
  await writeFileDurably(path, rule);
  await run(['udevadm', 'control', '--reload']);
  await run(['udevadm', 'trigger', '--subsystem-match=block', '--action=change', '--settle'], { timeoutMs: 60_000 });
}
