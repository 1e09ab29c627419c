import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { withoutSignature } from '../../builder/agent-exe.ts';
import { bundleAgentForExe, stageAgent } from '../../builder/agent-files.ts';

/** The parts of a Windows program that matter here: where the optional header is, and the entry of the signature. */
function program(signature: Buffer): { exe: Buffer; entry: number } {
  const header = Buffer.alloc(512);
  header.writeUInt32LE(0x80, 0x3c);
  const optional = 0x80 + 24;
  header.writeUInt16LE(0x20b, optional);
  const entry = optional + 112 + 32;
  if (signature.length > 0) {
    header.writeUInt32LE(header.length, entry);
    header.writeUInt32LE(signature.length, entry + 4);
  }
  return { exe: Buffer.concat([header, signature]), entry };
}

t.test('the signature of Node goes, and nothing else', async (t) => {
  const signed = program(Buffer.alloc(1000, 0xab));
  const bare = withoutSignature(signed.exe);
  t.equal(bare.length, 512);
  t.equal(bare.readBigUInt64LE(signed.entry), 0n);
  t.same(bare, program(Buffer.alloc(0)).exe);
  const { exe } = program(Buffer.alloc(0));
  t.equal(withoutSignature(exe), exe, 'one without a signature stays as it is');
  t.throws(() => withoutSignature(Buffer.concat([signed.exe, Buffer.from('more')])), /not at the end/);
  t.throws(() => withoutSignature(Buffer.alloc(600)), /not a 64-bit/);
});

t.test('everything that units, menus and scripts name is in the package', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await stageAgent({ version: '9.8.7' }, folder);
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((e) => e.isFile())
    .map((e) => join(e.parentPath, e.name).slice(folder.length));
  const texts = await Promise.all(
    files.filter((f) => /\.(service|desktop)$|usr\/bin\//.test(f)).map((f) => readFile(join(folder, f), 'utf8')),
  );
  for (const text of texts)
    for (const [path] of text.matchAll(/\/usr\/(?:bin|lib|share)\/flexdeploy-agent[\w./-]*/g))
      t.ok(files.includes(path), path);
  for (const name of ['server', 'pc', 'moving', 'cut', 'away'])
    t.ok(files.includes(`/usr/share/icons/hicolor/scalable/status/flexdeploy-agent-${name}.svg`), name);
  for (const name of ['index.html', 'main.js', 'main.css', 'icon.svg'])
    t.ok(files.includes(`/usr/share/flexdeploy-agent/page/${name}`), name);
  t.equal((await stat(join(folder, 'usr/bin/flexdeploy-agent'))).mode & 0o777, 0o755);
  t.match(await readFile(join(folder, 'usr/lib/flexdeploy-agent/agent.mjs'), 'utf8'), /9\.8\.7/);
});

t.test('the bundle for Windows is one CommonJS file that needs nothing but Node', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await bundleAgentForExe({ version: '9.8.7' }, join(folder, 'agent.cjs'));
  const text = await readFile(join(folder, 'agent.cjs'), 'utf8');
  const wanted = [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map((m) => m[1] ?? '');
  const { builtinModules } = await import('node:module');
  const own = new Set([...builtinModules, ...builtinModules.map((m) => `node:${m}`), 'node:sea']);
  // ws tries two native helpers and does without them
  t.same(
    wanted.filter((m) => !own.has(m)),
    wanted.filter((m) => m === 'bufferutil' || m === 'utf-8-validate'),
  );
});
