/** flexdeploy.json as the boot medium left it in /run. */
import { readFile } from 'node:fs/promises';
import { type ParsedBootConfig, parseBootConfig } from '#common/boot-config.ts';
import { messageOf } from '#common/errors.ts';

/** Reads the file. None at all is no problem of its own: the kiosk then says that no server is configured. */
export async function readBootConfig(path: string): Promise<ParsedBootConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { config: {}, problems: [] };
    const problem = `the file cannot be read: ${messageOf(error)}`;
    return { config: {}, problems: [{ key: '', problem, allowed: 'a readable file' }] };
  }
  const parsed = parseBootConfig(text);
  const { server, ca } = parsed.config;
  if (server !== undefined && ca === undefined && !parsed.problems.some((p) => p.key === 'ca'))
    parsed.problems.push({
      key: 'ca',
      problem: 'this key is missing: without it, the server cannot be told from an impostor',
      allowed: 'sha256: and the fingerprint that the server shows on its console, or the certificate in PEM form',
    });
  return parsed;
}
