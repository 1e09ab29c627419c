/** What `--debug` adds: a root shell on the virtio console hvc0, and the journal on ttyS0. Never in normal images. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const SHELL_UNIT = `[Unit]
Description=Debug shell on the virtio console
StartLimitIntervalSec=0
DefaultDependencies=no
ConditionPathExists=/dev/hvc0

[Service]
ExecStart=/bin/bash -l
Environment=TERM=dumb HOME=/root PS1=debug#
WorkingDirectory=/root
StandardInput=tty
StandardOutput=tty
StandardError=tty
TTYPath=/dev/hvc0
TTYReset=yes
Restart=always
RestartSec=0
IgnoreSIGPIPE=no
`;

export async function debugFiles(folder: string): Promise<void> {
  const units = join(folder, 'etc/systemd/system');
  await mkdir(join(units, 'sysinit.target.wants'), { recursive: true });
  await writeFile(join(units, 'flexdeploy-debug-shell.service'), SHELL_UNIT);
  await symlink(
    '../flexdeploy-debug-shell.service',
    join(units, 'sysinit.target.wants/flexdeploy-debug-shell.service'),
  );
  await mkdir(join(folder, 'etc/systemd/journald.conf.d'), { recursive: true });
  await writeFile(
    join(folder, 'etc/systemd/journald.conf.d/zz-debug.conf'),
    '[Journal]\nForwardToConsole=yes\nTTYPath=/dev/ttyS0\nMaxLevelConsole=info\n',
  );
}
