/** The guest agent's files for Linux, as they lie in the .deb and in the sample desktop. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { bundleAgentPage } from '../guest-agent/page/bundle-page.ts';
import { copyOverlay, scriptOptions, stageNode } from './app-layer.ts';
import { type BuildContext, CHECKOUT } from './context.ts';

const LIB = 'usr/lib/flexdeploy-agent';

/** What the window needs; without them the service and the command line work. Named so in Debian 12, 13 and Ubuntu 24.04. */
export const WINDOW_PACKAGES: readonly string[] = ['gjs', 'gir1.2-gtk-3.0', 'gir1.2-webkit2-4.1', 'librsvg2-common'];

/** gjs of Debian 12 (1.74) runs SpiderMonkey 102. */
const GJS_TARGET = 'firefox102';

/** Writes programs, page, units and menu entries below `root`. */
export async function stageAgent(ctx: Pick<BuildContext, 'version'>, root: string): Promise<void> {
  await copyOverlay('agent', root);
  await mkdir(join(root, LIB), { recursive: true });
  const service = { kind: 'node', entry: 'guest-agent/main.ts', to: `${LIB}/agent.mjs` } as const;
  await build({ ...scriptOptions(ctx, service), outfile: join(root, service.to) });
  const window = { kind: 'gjs', entry: 'guest-agent/window/main.ts', to: `${LIB}/window.js` } as const;
  await build({ ...scriptOptions(ctx, window), target: GJS_TARGET, outfile: join(root, window.to) });
  await bundleAgentPage(join(root, 'usr/share/flexdeploy-agent/page'));
  await stageNode(root, join(LIB, 'node'));
}

/** Bundles the agent into the one CommonJS file that a single executable application needs. */
export async function bundleAgentForExe(ctx: Pick<BuildContext, 'version'>, outfile: string): Promise<void> {
  await mkdir(dirname(outfile), { recursive: true });
  const options = scriptOptions(ctx, { kind: 'node', entry: 'guest-agent/main.ts', to: outfile });
  await build({ ...options, format: 'cjs', banner: {}, outfile, absWorkingDir: CHECKOUT });
}
