import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const page = join(import.meta.dirname, 'page');

/**
 * Bundles the kiosk page into `outDir` (made if missing): index.html, main.js, main.css, the icon, the typeface and its licence.
 * The same sources give the same bytes. The page asks for nothing from outside this folder and needs no inline script
 * or style, so the strictest Content-Security-Policy will do.
 */
export async function bundleKioskPage(outDir: string): Promise<void> {
  await mkdir(outDir, { recursive: true });
  await build({
    entryPoints: [join(page, 'main.tsx'), join(page, 'main.css')],
    entryNames: '[name]',
    outdir: outDir,
    bundle: true,
    minify: true,
    format: 'iife',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // What WebKitGTK 2.48 knows; Chromium, which the tests use, is newer.
    target: ['safari17', 'chrome120'],
    loader: { '.woff2': 'file' },
    assetNames: '[name]',
    legalComments: 'none',
    logLevel: 'silent',
  });
  for (const name of ['index.html', 'icon.svg']) await copyFile(join(page, name), join(outDir, name));
  const licence = fileURLToPath(import.meta.resolve('@fontsource-variable/inter/LICENSE'));
  await copyFile(licence, join(outDir, 'inter-LICENSE.txt'));
}
