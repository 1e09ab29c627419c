import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import type { Lab } from './lab.ts';
import type { Machine } from './machine.ts';

/** Base64 characters in one command: an argument of a program ends at 128 KiB (MAX_ARG_STRLEN). */
const PIECE = 24_000;

/**
 * Puts a program of ours into a machine with a debug shell, as one file for its Node (`/usr/lib/flexdeploy/node`).
 * @param what `entry`: the TypeScript file; `to`: the path inside
 */
export async function bringProgram(what: { machine: Machine; lab: Lab; entry: string; to: string }): Promise<void> {
  const { machine, lab, entry, to } = what;
  const outfile = join(lab.folder, 'program.mjs');
  const banner = {
    js: "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);",
  };
  const how = { bundle: true, minify: true, format: 'esm', platform: 'node', target: 'node24' } as const;
  await build({ ...how, entryPoints: [entry], outfile, banner, logLevel: 'error' });
  const packed = gzipSync(await readFile(outfile), { level: 9 }).toString('base64');
  const bring = async (command: string) => {
    const { code, output } = await machine.shell(command, 10 * 60_000);
    if (code !== 0) throw new Error(`${entry} did not get into ${machine.name}: ${output.slice(-500)}`);
  };
  await bring(`: > ${to}.packed`);
  for (let at = 0; at < packed.length; at += PIECE) {
    await bring(`printf %s ${packed.slice(at, at + PIECE)} >> ${to}.packed`);
  }
  await bring(`set -o pipefail; base64 -d ${to}.packed | gunzip > ${to}`);
}
