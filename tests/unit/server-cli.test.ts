import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { run } from '#common/run.ts';
import { hashFile, inspectImageFile, nameFromFile } from '../../server/cli/image-file.ts';
import { duration, size, table } from '../../server/cli/output.ts';
import { progressLine } from '../../server/cli/progress.ts';
import { FakePc } from './server/fake-pc.ts';
import { makeDesktop, makeImage, makeUser, PASSWORD, startTestServer, type TestServer } from './server/start.ts';

const MAIN = fileURLToPath(new URL('../../server/cli/main.ts', import.meta.url));
const ANY = Array.from({ length: 256 }, (_, i) => i);

t.setTimeout(120_000);

interface RunOptions {
  input?: string;
  /** With only what `login` saved. */
  elsewhere?: boolean;
  env?: Record<string, string>;
}

/** Runs `flexdeploy`, as on the server itself unless told. */
async function flexdeploy(test: TestServer, args: string[], options: RunOptions = {}) {
  const env = {
    ...options.env,
    XDG_CONFIG_HOME: join(test.folder, 'config'),
    FLEXDEPLOY_RUN: options.elsewhere ? '/nonexistent' : join(test.folder, 'run'),
  };
  const { input } = options;
  return await run([process.execPath, MAIN, ...args], { env, okExitCodes: ANY, ...(input !== undefined && { input }) });
}

t.test('an administrator’s first day, on the server and from elsewhere', async (t) => {
  const test = await startTestServer();
  t.teardown(() => test.stop());
  const ok = async (args: string[], options: RunOptions = {}) => {
    const { code, stdout, stderr } = await flexdeploy(test, args, options);
    t.equal(code, 0, `flexdeploy ${args.join(' ')} ${stderr}`);
    return stdout;
  };
  const input = `${PASSWORD}\n`;
  await ok(['setup', '--user', 'admin', '--password-stdin'], { input });
  await ok(['user', 'add', 'ana', '--display-name', 'Ana \x1b[31mSousa', '--password-stdin'], { input });
  const users = await ok(['user', 'list']);
  t.match(users, /ana +user +Ana \?\[31mSousa/, 'names cannot paint the terminal');
  const file = join(test.folder, 'Debian 13 (lab).qcow2');
  await writeFile(file, Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), randomBytes(2_000_000)]));
  t.match(await ok(['image', 'import', file, '--firmware', 'bios']), /imported debian-13-lab/);
  await ok(['desktop', 'create', 'ana-desk', '--image', 'debian-13-lab', '--owner', 'ana', '--memory', '1024']);
  await ok(['desktop', 'start', 'ana-desk', '--wait']);
  t.match(await ok(['desktop', 'list']), /ana-desk +ana +debian-13-lab +running +server +1\.0 GiB/);

  const server = `127.0.0.1:${test.server.port}`;
  const elsewhere = true;
  const login = ['login', '--server', server, '--ca', test.server.caFingerprint, '--user', 'ana', '--password-stdin'];
  await ok(login, { input, elsewhere });
  t.equal((await stat(join(test.folder, 'config/flexdeploy/login.json'))).mode & 0o777, 0o600);
  t.match(await ok(['status'], { elsewhere }), /ana \(user\)/);
  const [desktop] = JSON.parse(await ok(['desktop', 'list', '--json'], { elsewhere }));
  t.match(desktop, { name: 'ana-desk', state: { kind: 'running' } });
  t.equal((await flexdeploy(test, ['user', 'list'], { elsewhere })).code, 4, 'not allowed');
  await ok(['logout'], { elsewhere });
  t.equal((await flexdeploy(test, ['status'], { elsewhere })).code, 2, 'which server?');
  await ok(['desktop', 'delete', 'ana-desk', '--yes']);
  await ok(['image', 'delete', 'debian-13-lab', '--yes']);
  await ok(['user', 'delete', 'ana', '--yes']);
});

t.test('exit codes tell scripts what went wrong', async (t) => {
  const test = await startTestServer();
  t.teardown(() => test.stop());
  const code = async (args: string[], input = '') => (await flexdeploy(test, args, { input })).code;
  t.equal(await code(['nonsense']), 2);
  t.equal(await code(['desktop', 'create', 'x1']), 2, 'options are missing');
  t.equal(await code(['user', 'add', 'ana']), 2, 'no terminal to ask for a password');
  t.equal(await code(['user', 'show', 'nobody']), 5);
  t.equal(await code(['user', 'add', 'ana', '--password-stdin'], 'short\n'), 1, 'refused by the server');
  t.equal(await code(['user', 'add', 'ana', '--password-stdin'], 'long enough\n'), 0);
  t.equal(await code(['user', 'add', 'ana', '--password-stdin'], 'long enough\n'), 6);
  t.equal(await code(['user', 'delete', 'ana']), 2, 'nobody there to confirm');
  const nobody = [
    'login',
    '--server',
    '127.0.0.1:1',
    '--ca',
    test.server.caFingerprint,
    '--user',
    'a',
    '--password-stdin',
  ];
  t.equal(await code(nobody, 'x\n'), 3);
  const wrong = await flexdeploy(test, ['user', 'show', 'nobody', '--json']);
  t.match(JSON.parse(wrong.stderr), { error: { code: 'not_found' } });
  t.equal(wrong.stdout, '');
  t.match((await flexdeploy(test, ['image', 'import', '--help'])).stdout, /Examples:/);
});

t.test('a desktop on a PC, from the command line', async (t) => {
  const test = await startTestServer();
  t.teardown(() => test.stop());
  const root = await test.root();
  await makeUser(root, 'ana');
  await makeImage(root, 'debian-1');
  const { id } = await makeDesktop(root, 'ana-desk', 'ana', 'debian-1');
  const uuid = '11111111-2222-3333-4444-555555555555';
  const pc = await FakePc.logIn(test, 'ana', uuid, 'lab-07');
  await pc.connect(test);
  const ok = async (args: string[], options: RunOptions = {}) => {
    const { code, stdout, stderr } = await flexdeploy(test, args, options);
    t.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  t.match(await ok(['pc', 'list']), /lab-07 +Test 954 MiB/);
  t.match(await ok(['pc', 'show', 'lab-07']), /Disk +Test DISK-A 954 MiB\n/);
  t.equal((await flexdeploy(test, ['pc', 'pin', 'lab-07', 'NOT-THERE'])).code, 1);
  t.match(await ok(['pc', 'pin', 'lab-07', 'DISK-A']), /lab-07: DISK-A/);
  t.match(await ok(['pc', 'limit', 'lab-07', '2048']), /2\.0 MiB\/s/);
  t.match(await ok(['limit', '4096']), /4\.0 MiB\/s/);
  t.match(await ok(['limit', 'none']), /no limit/);
  const { port, caFingerprint } = test.server;
  const env = {
    FLEXDEPLOY_SERVER: `127.0.0.1:${port}`,
    FLEXDEPLOY_CA: caFingerprint,
    FLEXDEPLOY_TOKEN: pc.login.token,
  };
  const atPc = await flexdeploy(test, ['desktop', 'attach', 'ana-desk'], { env });
  t.match(atPc.stdout, /ana-desk: server \+ lab-07/, atPc.stderr);
  t.match(await ok(['desktop', 'pause', 'ana-desk']), /paused/);
  t.match(await ok(['desktop', 'resume', 'ana-desk']), /going on/);
  t.match(await ok(['desktop', 'limit', 'ana-desk', '100']), /at most 100 KiB\/s/);
  t.match(await ok(['desktop', 'show', 'ana-desk']), /Kept on +lab-07, disk Test DISK-A/);
  t.match(await ok(['desktop', 'list']), /server \+ lab-07/);
  t.equal((await flexdeploy(test, ['desktop', 'move', 'ana-desk', 'pc'])).code, 6, 'not yet possible');
  t.equal((await flexdeploy(test, ['desktop', 'move', 'ana-desk', 'moon'])).code, 2);
  t.equal((await flexdeploy(test, ['desktop', 'reclaim', 'ana-desk', '--yes'])).code, 6, 'the server has it');
  await test.hold(id, uuid);
  t.match(await ok(['desktop', 'show', 'ana-desk']), /Runs on +lab-07 since .* \(hand-over 1\)/);
  t.match((await flexdeploy(test, ['desktop', 'reclaim', 'ana-desk'])).stderr, /The copy of the server is|--yes/);
  t.match(await ok(['desktop', 'reclaim', 'ana-desk', '--yes']), /was taken back from lab-07/);
  t.match(await ok(['desktop', 'show', 'ana-desk']), /Put aside +The disk of lab-07 keeps its own copy of ana-desk/);
  for (const command of ['attach', 'detach', 'pause', 'limit', 'move', 'reclaim']) {
    t.match(await ok(['desktop', command, '--help']), /Examples:/);
  }
});

t.test('files that are no disk images are refused before anything is sent', async (t) => {
  const folder = t.testdir({ empty: '', odd: 'x'.repeat(1000), zip: `PK${'x'.repeat(1022)}` });
  for (const [name, why] of [
    ['empty', /is empty/],
    ['odd', /no multiple of 512/],
    ['zip', /ZIP or OVA/],
    ['missing', /cannot be read/],
    ['.', /is not a file/],
  ] as const) {
    await t.rejects(inspectImageFile(join(folder, name)), { message: why });
  }
  const path = join(folder, 'raw');
  await writeFile(path, Buffer.alloc(1024));
  t.match(await inspectImageFile(path), { bytes: 1024, format: 'raw' });
  t.equal(await hashFile(path, () => {}), '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef');
  t.equal((await readFile(path)).length, 1024);
});

t.test('tables, sizes, durations, progress and names', async (t) => {
  t.equal(
    table(
      [{ a: 'x', b: 10 }],
      [
        { title: 'A', text: (r) => r.a },
        { title: 'SIZE', text: (r) => `${r.b}`, align: 'right' },
      ],
      '',
    ),
    'A  SIZE\nx    10',
  );
  t.same([0, 1023, 1536, 150 * 1024 ** 2, 8 * 1024 ** 3].map(size), ['0 B', '1023 B', '1.5 KiB', '150 MiB', '8.0 GiB']);
  t.same([5, 75, 3725].map(duration), ['0:05', '1:15', '1:02:05']);
  t.equal(
    progressLine('sending', 512, 1024, 1),
    'sending [########........]  50 %  512 B of 1.0 KiB  512 B/s  0:01 left',
  );
  t.equal(nameFromFile('/a/Debian 13 (lab).qcow2'), 'debian-13-lab');
  t.equal(nameFromFile('/a/2024.raw'), undefined);
});
