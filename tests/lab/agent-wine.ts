/**
 * The agent's .exe under Wine, as far as Wine goes (docs/agent.md): `sh builder/with-node.sh tests/lab/agent-wine.ts`, as
 * root. Not part of `npm test`: it needs a Debian 13 tree with Wine 10 (made once, in the build cache, 0.9 GB), and says
 * little about Windows itself. A named pipe stands for the serial port: like it, Node opens it without overlapped I/O.
 */
import { access, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { AgentPort } from '#common/agent/port.ts';
import type { Wish } from '#common/protocol/host-guest.ts';
import { run } from '#common/run.ts';
import { Cache, cacheFolder } from '../../builder/cache.ts';
import { CHECKOUT } from '../../builder/context.ts';
import { debianSources, sourceLine } from '../../builder/mirror.ts';
import { statusOf } from '../unit/agent/agent-status.ts';
import { SerialLine } from '../unit/agent/serial-line.ts';

const EXE = join(CHECKOUT, 'out/images/agent/flexdeploy-agent.exe');

/** Wine and, in its session, everything that is tried: `== WHAT` lines come before the output, `-- CODE` after it. */
const WALK = `
export HOME=/work/home WINEDEBUG=-all; mkdir -p $HOME; export WINEPREFIX=$HOME/prefix; cd /work
W=/usr/lib/wine/wine64
timeout 300 $W wineboot -i >/dev/null 2>&1; timeout 60 /usr/lib/wine/wineserver -w
# the carrier of bytes between the named pipe and the lab; Node's own program for Windows is the .exe without our blob
A() { echo "== $*"; timeout 120 $W flexdeploy-agent.exe "$@" >out.txt 2>&1 </dev/null; code=$?; cat out.txt; echo "-- $code"; }
A --version
A status
A move nowhere
$W node.exe carrier.js >carrier.txt 2>&1 </dev/null &
sleep 5
$W flexdeploy-agent.exe serve --port '\\\\.\\pipe\\flexdeploy-lab' >serve.txt 2>&1 </dev/null & service=$!
sleep 8
A status --json
A pause
A move here --wait
A move here
kill $service; sleep 2
A install-service
for i in 1 2 3 4 5 6; do sleep 4; timeout 60 $W flexdeploy-agent.exe status >/dev/null 2>&1 </dev/null; [ $? = 4 ] && break; done
A status
A uninstall-service
A status
`;

const CARRIER = (port: number) => `
const net = require('node:net');
const line = net.connect(${port}, '127.0.0.1');
net.createServer((pipe) => { pipe.on('error', () => {}); pipe.pipe(line); line.pipe(pipe); }).listen('\\\\\\\\.\\\\pipe\\\\flexdeploy-lab');
`;

t.setTimeout(0);
await access(EXE).catch(() => t.bailout(`${EXE} is not there; run: npm run build -- agent --windows`));
const cache = new Cache(cacheFolder());
const sources = (await debianSources({ options: { suite: 'trixie', firmware: false } })).map(sourceLine);
const { folder } = await cache.entry('wine', { recipe: 1, sources }, async (to) => {
  const wine = ['--variant=apt', '--include=wine64', 'trixie', join(to, 'root')];
  await run(['mmdebstrap', ...wine, ...sources], { timeoutMs: 30 * 60_000 });
});
const root = join(folder, 'root');
const work = join(root, 'work');
await rm(work, { recursive: true, force: true });
await mkdir(work);
t.teardown(() => rm(work, { recursive: true, force: true }));

const wishes: Wish[] = [];
let status = statusOf('syncing', 'server');
const line = await SerialLine.make(t);
await line.powerOn();
const host = new AgentPort({
  socket: line.socket,
  status: () => status,
  onWish: async (wish) => {
    wishes.push(wish);
    if (wish !== 'moveHere') return;
    const move = { to: 'pc', since: new Date().toISOString(), phase: 'copyingMemory', percent: 50 } as const;
    status = statusOf('syncing', 'server', { move });
    host.update();
    setTimeout(() => {
      status = statusOf('inSync', 'pc');
      host.update();
    }, 3000);
  },
  log: (text) => t.comment(text),
});
t.teardown(() => host.close());
const carriers = createServer((carrier: Socket) => {
  carrier.on('error', () => {});
  line.start({ onBytes: (bytes) => carrier.write(bytes), onState: () => {} });
  carrier.on('data', (bytes) => line.write(bytes));
}).listen(0, '127.0.0.1');
t.teardown(() => carriers.close());
await new Promise((resolve) => carriers.once('listening', resolve));

await copyFile(EXE, join(work, 'flexdeploy-agent.exe'));
const node = await nodeForWindows();
await copyFile(node, join(work, 'node.exe'));
await writeFile(join(work, 'carrier.js'), CARRIER((carriers.address() as AddressInfo).port));
await writeFile(join(work, 'walk.sh'), WALK);
const mounts = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" bash /work/walk.sh';
const { stdout } = await run(['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', mounts, root], {
  timeoutMs: 15 * 60_000,
});
const steps = [...stdout.matchAll(/^== (.*)\n([\s\S]*?)^-- (\d+)$/gm)].map(([, what, text, code]) => ({
  what,
  text: text ?? '',
  code: Number(code),
}));
const expected: [string, number, RegExp][] = [
  ['--version', 0, /^\d+\.\d+\.\d+/m],
  ['status', 3, /service does not answer/],
  ['move nowhere', 2, /"here" or to the "server"/],
  ['status --json', 0, /"kind":"there"/],
  ['pause', 0, /paused/],
  ['move here --wait', 0, /copyingMemory 50 %[\s\S]*The desktop runs on this PC/],
  ['move here', 1, /there already/],
  ['install-service', 0, /FlexDeployAgent runs/],
  ['status', 4, /not a FlexDeploy desktop/],
  ['uninstall-service', 0, /is gone/],
  ['status', 3, /service does not answer/],
];
for (const [i, [what, code, words]] of expected.entries()) {
  t.equal(steps[i]?.what, what);
  t.equal(steps[i]?.code, code, `flexdeploy-agent ${what}`);
  t.match(steps[i]?.text, words);
}
t.same(wishes, ['pause', 'moveHere']);

/** The program that the builder put the agent into, from its cache. */
async function nodeForWindows(): Promise<string> {
  const { stdout } = await run(['find', join(cacheFolder(), 'entries'), '-path', '*/package/bin/node.exe']);
  const [path] = stdout.split('\n');
  if (!path) throw new Error('the build cache has no node.exe; run: npm run build -- agent --windows');
  return path;
}
