/** The window in Windows: the page in an app window of Edge, which every Windows 10 and 11 has. */
import { join } from 'node:path';
import { getAsset } from 'node:sea';
import { run } from '#common/run.ts';
import { PageServer } from './page-server.ts';
import { windowsEnvironment } from './windows-environment.ts';

/** How long the first page may take to come, and how long a page may be away (it is being loaded again), ms. */
const PATIENCE_MS = 60_000;
const ALONE_MS = 5_000;

/** Opens the window and serves it until it is closed. */
export async function openWindow(control: string): Promise<void> {
  let leave: NodeJS.Timeout | undefined;
  const stopIn = (ms: number) => {
    clearTimeout(leave);
    leave = setTimeout(() => void server.stop().then(() => process.exit(0)), ms);
  };
  const server = new PageServer({
    file: async (name) => {
      clearTimeout(leave);
      return new Uint8Array(getAsset(name));
    },
    control,
    onAlone: () => stopIn(ALONE_MS),
  });
  const url = await server.start();
  stopIn(PATIENCE_MS);
  const env = windowsEnvironment();
  const cmd = join(env.SystemRoot ?? 'C:\\Windows', 'System32', 'cmd.exe');
  await run([cmd, '/c', 'start', '', 'msedge', `--app=${url}`, '--window-size=760,700'], { env });
}
