/** One build at a time for a cache folder. */
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { UserError } from '#common/errors.ts';

/**
 * Holds a lock named after `folder` until the returned function is called or this process ends, however it ends: an
 * abstract UNIX socket, which the kernel takes away with the process.
 * @throws UserError when another process holds it
 */
export async function lockFolder(folder: string): Promise<() => void> {
  const name = `\0flexdeploy-build-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  const server = createServer((socket) => socket.end(String(process.pid)));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(name, resolve);
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    const pid = await askHolder(name);
    throw new UserError(`another build is running${pid ? ` (process ${pid})` : ''}`, {
      hint: 'Wait until it has ended, or give this one a cache of its own with XDG_CACHE_HOME=/some/folder.',
      cause,
    });
  }
  server.unref();
  return () => server.close();
}

function askHolder(name: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(name);
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}
