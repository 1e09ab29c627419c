/** Where the megabytes of a build went, from its manifest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';
import type { Manifest } from './artefacts.ts';

/** How many packages the table names. */
const PACKAGES_SHOWN = 25;

/** @param folder the artefacts of one profile, e.g. `out/images/client` */
export async function report(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch((cause: unknown) => {
    throw new UserError(`there is no build in ${folder}`, { hint: 'Build it first: npm run build -- client', cause });
  });
  return renderReport(JSON.parse(text) as Manifest);
}

/** The report as text. */
export function renderReport(manifest: Manifest): string {
  const mega = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`.padStart(10);
  const packages = [...manifest.packages].sort((a, b) => b.installedKib - a.installedKib);
  const shown = packages.slice(0, PACKAGES_SHOWN);
  const rest = packages.slice(PACKAGES_SHOWN).reduce((sum, p) => sum + p.installedKib, 0);
  return [
    `${manifest.profile} ${manifest.version}${manifest.debug ? ' (debug)' : ''}, Debian ${manifest.suite}, ${packages.length} packages`,
    '',
    'Files',
    ...manifest.files.map((f) => `${mega(f.bytes)}  ${f.name}`),
    ...(manifest.layers.length > 0
      ? ['', 'Layers of the initrd (packed)', ...manifest.layers.map((l) => `${mega(l.bytes)}  ${l.name}`)]
      : []),
    '',
    'Packages (as Debian counts them, before trimming and packing)',
    ...shown.map((p) => `${mega(p.installedKib * 1024)}  ${p.name} ${p.version}`),
    ...(rest > 0 ? [`${mega(rest * 1024)}  ${packages.length - shown.length} more`] : []),
  ].join('\n');
}
