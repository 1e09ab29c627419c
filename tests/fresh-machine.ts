/**
 * `npm run fresh -- demo -- --script`: an npm script of this project in a Debian that has nothing but git, Node and npm,
 * as root, in a clone of this checkout as it is committed. What this machine has installed, and its caches, are not there;
 * its apt and npm settings are.
 */
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describeError, UserError } from '#common/errors.ts';
import { removeTree } from '#common/files.ts';
import { runInTerminal } from '#common/process.ts';
import { run } from '#common/run.ts';
import { debianSources, sourceLine, suiteOfThisMachine } from '../builder/mirror.ts';
import { findTool } from '../builder/requirements.ts';

const APT_SETTINGS = '/etc/apt/apt.conf.d';
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
/** Where `out/` of the fresh machine is put. */
const OUT = resolve('out/fresh');

/** npm finds its settings by where the Node is that runs it: this machine's, not the checkout's. */
const OUTSIDE = {
  env: { PATH: (process.env.PATH ?? '').replaceAll(/[^:]*node_modules[^:]*:/g, '') },
};

/** In mount and PID namespaces of its own, so that its processes and mounts end with it; it dies with us. */
const ISOLATED = [
  'setpriv',
  '--pdeathsig',
  'KILL',
  '--',
  'unshare',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
] as const;

/** `$1` is the root, `$2` the checkout; the rest is for npm run. */
const ENTER = `
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mkdir -p old checkout
mount --bind "$2" checkout
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
pivot_root . old
cd /
umount -l /old
shift 2
exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \\
  NODE_EXTRA_CA_CERTS=${CERTIFICATES} sh -ec '
    git -c safe.directory="*" clone --quiet file:///checkout /root/flexdeploy
    cd /root/flexdeploy
    exec npm run "$@"' sh "$@"
`;

/** Makes the root file system of a fresh Debian, with the settings by which this machine reaches its registries. */
async function makeRoot(root: string, suite: string, signal: AbortSignal): Promise<void> {
  const sources = await debianSources({ options: { suite, firmware: false } });
  const include = '--include=ca-certificates,git';
  await run(['mmdebstrap', '--quiet', '--variant=important', include, suite, root, ...sources.map(sourceLine)], {
    timeoutMs: 30 * 60_000,
    signal,
  });
  for (const name of await readdir(APT_SETTINGS)) {
    const file = join(APT_SETTINGS, name);
    const { code } = await run(['dpkg-query', '--search', file], { okExitCodes: [0, 1] });
    if (code !== 0) await copyFile(file, root + file); // no package's, but this machine's own
  }
  for (const file of ['/etc/hosts', '/etc/resolv.conf', CERTIFICATES]) await copyFile(file, root + file);
  const local = join(root, 'usr/local');
  await copyFile(process.execPath, join(local, 'bin/node'));
  const npm = await findTool('npm');
  if (!npm) throw new UserError('this machine has no npm');
  await cp(join(await realpath(npm), '../..'), join(local, 'lib/node_modules/npm'), { recursive: true });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
  await mkdir(join(local, 'etc'), { recursive: true });
  await writeFile(join(local, 'etc/npmrc'), `registry=${await npmSetting('registry')}\n`);
  const own = await npmSetting('userconfig');
  if (await stat(own).catch(() => undefined)) await copyFile(own, join(root, 'root/.npmrc'));
}

async function npmSetting(name: string): Promise<string> {
  return (await run(['npm', 'config', 'get', name], OUTSIDE)).stdout.trim();
}

async function main(suite: string, [script, ...args]: string[]): Promise<number> {
  if (!script) {
    throw new UserError('which npm script is to run there?', {
      hint: 'Such as: npm run fresh -- [--suite bookworm|trixie] demo -- --script',
    });
  }
  if (process.getuid?.() !== 0) throw new UserError('this needs root, for namespaces and another root file system');
  // What ends us ends what runs gently: the terminal tells all of the group, others only us.
  const end = new AbortController();
  const interrupt = (signal: NodeJS.Signals) => {
    if (signal === 'SIGTERM' && !end.signal.aborted) process.kill(0, signal);
    end.abort(new UserError('interrupted'));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const root = await mkdtemp('/var/tmp/flexdeploy-fresh-');
  try {
    await chmod(root, 0o755);
    console.error(`A Debian ${suite} with Node and npm ...`);
    await makeRoot(root, suite, end.signal);
    end.signal.throwIfAborted();
    const enter = ['sh', '-c', ENTER, 'sh', root, process.cwd(), script, ...args];
    const code = await runInTerminal([...ISOLATED, ...enter]);
    await keepOutput(join(root, 'root/flexdeploy/out'));
    return code;
  } finally {
    await removeTree(root);
  }
}

/** Keeps pictures and logs, not the images. */
async function keepOutput(folder: string): Promise<void> {
  if (!(await stat(folder).catch(() => undefined))) return;
  await rm(OUT, { recursive: true, force: true });
  await cp(folder, OUT, { recursive: true, filter: (path) => path !== join(folder, 'images') });
  console.error(`Its pictures and logs are in ${OUT}.`);
}

/** Which Debian, and what is to run there: options end where that begins. */
async function understand(args: string[]): Promise<[suite: string, command: string[]]> {
  if (args[0] === '--suite' && args[1]) return [args[1], args.slice(2)];
  return [(await suiteOfThisMachine()) || 'trixie', args];
}

process.exitCode = await main(...(await understand(process.argv.slice(2)))).catch((error) => {
  console.error(describeError(error));
  return 1;
});
