/** The FAT partition FLEXDEPLOY: flexdeploy.json and a README for people. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FatImage } from './fat-image.ts';

export const CONFIG_FILE = 'flexdeploy.json';

/** The configuration partition with these values in flexdeploy.json. */
export async function configPartition(config: Record<string, unknown>, date: number): Promise<FatImage> {
  const readme = await readFile(join(import.meta.dirname, 'medium-readme.txt'), 'utf8');
  return {
    label: 'FLEXDEPLOY',
    mib: 4,
    volumeId: '46440001',
    date,
    // Windows' Notepad of old shows lines only with CR LF
    files: { [CONFIG_FILE]: toCrLf(configText(config)), 'README.txt': toCrLf(readme) },
  };
}

/** flexdeploy.json as text, two spaces deep. */
export function configText(config: Record<string, unknown>): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

function toCrLf(text: string): string {
  return text.replaceAll(/\r?\n/g, '\r\n');
}
