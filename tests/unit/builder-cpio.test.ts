import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type CpioEntry, cpioArchive } from '../../pxe-less-boot/cpio.ts';

async function archive(entries: readonly CpioEntry[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of cpioArchive(entries, 1_767_225_600)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const file = (path: string, text: string): CpioEntry => ({
  kind: 'file',
  path,
  mode: 0o644,
  content: Buffer.from(text),
});

t.test('cpio itself unpacks what we write', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-cpio-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const onDisk = join(folder, 'source');
  await writeFile(onDisk, 'x'.repeat(70_001));
  const bytes = await archive([
    file('etc/hostname', 'pc\n'),
    { kind: 'symlink', path: 'bin/sh', mode: 0o777, target: 'busybox' },
    { kind: 'file', path: 'bin/busybox', mode: 0o755, content: { file: onDisk } },
    { kind: 'folder', path: 'proc', mode: 0o555 },
  ]);
  const out = join(folder, 'out');
  execFileSync(
    'sh',
    ['-c', `mkdir "${out}" && cd "${out}" && cpio --extract --quiet --make-directories --preserve-modification-time`],
    {
      input: bytes,
    },
  );
  t.equal(await readFile(join(out, 'etc/hostname'), 'utf8'), 'pc\n');
  t.equal((await readFile(join(out, 'bin/sh'), 'utf8')).length, 70_001, 'the link leads to the file');
  t.equal((await stat(join(out, 'bin/busybox'))).mode & 0o777, 0o755);
  t.equal((await stat(join(out, 'etc/hostname'))).mtimeMs, 1_767_225_600_000);
});

t.test('the order of the entries does not change the bytes', async (t) => {
  const a = file('a', '1');
  const b = file('folder/b', '22');
  t.same(await archive([a, b]), await archive([b, a]));
});

t.test('the length is a multiple of four and the trailer comes last', async (t) => {
  const bytes = await archive([file('x', '12345')]);
  t.equal(bytes.length % 4, 0);
  t.ok(bytes.subarray(-16).includes('TRAILER!!!'));
});
