import { mkdir, readFile } from 'node:fs/promises';
import { writeFileDurably } from '#common/files.ts';
import { run } from '#common/run.ts';
import { GROUP } from '../storage/pool.ts';

/**
 * Lets the user that desktops run as open desktops' disks, and only those. A rule and not a chown: udev sets owner and
 * mode anew whenever a volume changes. (Which of them a desktop may open is up to its unit's DeviceAllow.)
 */
export async function allowDesktopUser(user: string): Promise<void> {
  const path = '/run/udev/rules.d/60-flexdeploy.rules';
  const rule =
    `SUBSYSTEM=="block", ENV{DM_VG_NAME}=="${GROUP}", ENV{DM_LV_NAME}=="desk-*", ` +
    `OWNER="${user}", GROUP="root", MODE="0600"\n`;
  if ((await readFile(path, 'utf8').catch(() => '')) === rule) return;
  await mkdir('/run/udev/rules.d', { recursive: true });
  await writeFileDurably(path, rule);
  await run(['udevadm', 'control', '--reload']);
  await run(['udevadm', 'trigger', '--subsystem-match=block', '--action=change', '--settle'], { timeoutMs: 60_000 });
}
