import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Bundles the agent's page into `outDir` (made if missing): index.html, main.js, main.css, icon.svg. */
export async function bundleAgentPage(outDir: string): Promise<void> {
  await mkdir(outDir, { recursive: true });
  await build({
    entryPoints: [join(import.meta.dirname, 'main.tsx'), join(import.meta.dirname, 'main.css')],
    entryNames: '[name]',
    outdir: outDir,
    bundle: true,
    minify: true,
    format: 'iife',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // WebKitGTK of Debian 12 and Ubuntu 24.04; Edge on Windows
    target: ['safari16.4', 'chrome120'],
    legalComments: 'none',
    logLevel: 'silent',
  });
  for (const name of ['index.html', 'icon.svg']) await copyFile(join(import.meta.dirname, name), join(outDir, name));
}
