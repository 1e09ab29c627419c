import { glob, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#common/run.ts';

export const IMAGE_NAMES = ['client', 'client-debug', 'server', 'server-debug', 'desktop', 'probe'] as const;
export type ImageName = (typeof IMAGE_NAMES)[number];

const FOLDER = 'out/images';

/** Artefacts that say whether an image was built, and that the lab uses. */
export const IMAGES = {
  clientIso: (debug: boolean) => `${FOLDER}/client${debug ? '-debug' : ''}/flexdeploy-client.iso`,
  clientKernel: (debug: boolean) => `${FOLDER}/client${debug ? '-debug' : ''}/vmlinuz`,
  clientInitrd: (debug: boolean) => `${FOLDER}/client${debug ? '-debug' : ''}/initrd.img`,
  server: (debug: boolean) => `${FOLDER}/server${debug ? '-debug' : ''}/server.qcow2`,
  desktop: `${FOLDER}/desktop/desktop.qcow2`,
  probe: `${FOLDER}/probe/probe.qcow2`,
};

/** What each image is made of: a change there makes it old. */
const SOURCES: Record<string, string> = {
  client: '{builder,pxe-less-boot,client-runtime,common,image-overlay/client}/**',
  server: '{builder,server,common,image-overlay/{server,server-appliance}}/**',
  probe: '{builder/{profiles/probe.ts,disk-*,root-layer.ts},image-overlay/probe}/**',
  desktop:
    '{builder/{profiles/desktop.ts,agent-*,disk-*,root-layer.ts},guest-agent,common/{agent,gjs,page,protocol},image-overlay/{desktop,agent}}/**',
};

/**
 * Builds the images that are missing or older than their sources. FLEXDEPLOY_IMAGES=keep takes what is there.
 * @param say told the builder's progress, line by line
 * @param signal ends a build that is running
 */
export async function ensureImages(
  names: readonly ImageName[],
  say: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (const name of names) {
    const why = await reasonToBuild(name);
    if (!why) continue;
    say(`building the image ${name} (${why})`);
    const [profile = name, debug] = name.split('-');
    await run([process.execPath, 'builder/main.ts', profile, ...(debug ? ['--debug'] : [])], {
      timeoutMs: 60 * 60_000,
      env: passedOn(['XDG_CACHE_HOME', 'http_proxy', 'https_proxy']),
      onLine: (line) => say(`  ${line}`),
      ...(signal && { signal }),
    });
  }
}

async function reasonToBuild(name: ImageName): Promise<string | undefined> {
  const built = await stat(join(FOLDER, name, 'manifest.json')).catch(() => undefined);
  if (!built) return 'there is none yet';
  if (process.env.FLEXDEPLOY_IMAGES === 'keep') return undefined;
  const [profile = name] = name.split('-');
  for await (const entry of glob(SOURCES[profile] ?? '', { withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && (await stat(path)).mtimeMs > built.mtimeMs) return `${path} is newer`;
  }
  return undefined;
}

/** The variables of our own environment with these names, if they are set. */
function passedOn(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
