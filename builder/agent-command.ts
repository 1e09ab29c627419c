/** `npm run build -- agent`: the guest agent as a .deb and as an .exe. */
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeAgentDeb } from './agent-deb.ts';
import { MINGW_PACKAGE, makeAgentExe } from './agent-exe.ts';
import type { BuildContext } from './context.ts';
import { ensureDebianPackages } from './debian-packages.ts';

export interface AgentBuild {
  /** What to make. */
  linux: boolean;
  windows: boolean;
}

/** Makes what is asked for in `agent/` of the output folder, and returns that folder. */
export async function buildAgent(ctx: BuildContext, { linux, windows }: AgentBuild): Promise<string> {
  const to = join(ctx.options.outFolder, 'agent');
  await mkdir(to, { recursive: true });
  if (linux) {
    const name = `flexdeploy-agent_${ctx.version}_amd64.deb`;
    await ctx.progress.step('Make the agent for Linux', () =>
      finished(to, name, (path) => makeAgentDeb(ctx, path, 'small')),
    );
  }
  if (windows) {
    await ensureDebianPackages([MINGW_PACKAGE]);
    await ctx.progress.step('Make the agent for Windows', () =>
      finished(to, 'flexdeploy-agent.exe', (path) => makeAgentExe(ctx, path)),
    );
  }
  return to;
}

/** A file that is there whole, or as it was. */
async function finished(folder: string, name: string, make: (path: string) => Promise<void>): Promise<void> {
  const near = join(folder, `.new-${process.pid}-${name}`);
  try {
    await make(near);
    await rename(near, join(folder, name));
  } finally {
    await rm(near, { force: true });
  }
}
