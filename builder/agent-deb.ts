/** The agent's .deb, made by dpkg-deb: the same inputs give the same bytes. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#common/run.ts';
import { stageAgent, WINDOW_PACKAGES } from './agent-files.ts';
import { type BuildContext, SOURCE_DATE_EPOCH } from './context.ts';

/**
 * What the official Node binary links: `objdump -T` names GLIBC_2.28 and GLIBCXX_3.4.21 as the newest (Debian 10 has them).
 */
const NODE_NEEDS = 'libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 8)';

const UNIT = 'flexdeploy-agent.service';

/** Maintainer scripts: what `dh_installsystemd` would write for this one unit. */
const SCRIPTS: Record<string, string> = {
  postinst: `#!/bin/sh
set -e
if [ "$1" = configure ]; then
  deb-systemd-helper unmask ${UNIT} >/dev/null || true
  if deb-systemd-helper --quiet was-enabled ${UNIT}; then deb-systemd-helper enable ${UNIT} >/dev/null || true
  else deb-systemd-helper update-state ${UNIT} >/dev/null || true; fi
  if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
    deb-systemd-invoke restart ${UNIT} >/dev/null || true
  fi
fi
`,
  prerm: `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then deb-systemd-invoke stop ${UNIT} >/dev/null || true; fi
`,
  postrm: `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
if [ "$1" = purge ] && [ -x /usr/bin/deb-systemd-helper ]; then deb-systemd-helper purge ${UNIT} >/dev/null || true; fi
`,
};

function control(version: string, installedKib: number): string {
  return `Package: flexdeploy-agent
Version: ${version}
Architecture: amd64
Maintainer: FlexDeploy
Section: admin
Priority: optional
Installed-Size: ${installedKib}
Depends: ${NODE_NEEDS}
Recommends: ${WINDOW_PACKAGES.join(', ')}
Description: where this FlexDeploy desktop runs, and moving it
 Service, command line and window inside a desktop of FlexDeploy. It shows
 whether the desktop runs on the server or on the PC, how the copy of its
 disk is getting on, and moves the running desktop between the two.
`;
}

/**
 * Makes the .deb.
 * @param packing `small` for people (zstd, which dpkg of Debian 12 and Ubuntu reads), `none` to install it at once
 */
export async function makeAgentDeb(
  ctx: Pick<BuildContext, 'version' | 'signal' | 'workFolder'>,
  output: string,
  packing: 'small' | 'none',
): Promise<void> {
  const root = join(ctx.workFolder, `agent-deb-${packing}`);
  await stageAgent(ctx, root);
  const { stdout } = await run(['du', '-sk', '--apparent-size', root]);
  const debian = join(root, 'DEBIAN');
  await mkdir(debian, { mode: 0o755 });
  await writeFile(join(debian, 'control'), control(ctx.version, Number.parseInt(stdout, 10)));
  await writeFile(join(debian, 'conffiles'), '/etc/xdg/autostart/org.flexdeploy.Agent.desktop\n');
  for (const [name, script] of Object.entries(SCRIPTS)) {
    await writeFile(join(debian, name), script);
    await chmod(join(debian, name), 0o755);
  }
  const compression = packing === 'small' ? ['-Zzstd', '-z15', '--threads-max=2'] : ['-Znone'];
  await run(['dpkg-deb', '--root-owner-group', ...compression, '--build', root, output], {
    env: { SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH) },
    timeoutMs: 600_000,
    signal: ctx.signal,
  });
  await run(['rm', '-rf', root]);
}
