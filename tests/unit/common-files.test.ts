import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { removeTree, writeFileDurably } from '#common/files.ts';

t.test('the new content is there whole, with its mode, and no temporary file stays', async (t) => {
  const folder = t.testdir({ 'a.txt': 'old' });
  await writeFileDurably(join(folder, 'a.txt'), 'new', 0o600);
  t.equal(await readFile(join(folder, 'a.txt'), 'utf8'), 'new');
  t.equal((await stat(join(folder, 'a.txt'))).mode & 0o777, 0o600);
  t.same(await readdir(folder), ['a.txt']);
});

t.test('a failure leaves the old content and no temporary file', async (t) => {
  const folder = t.testdir({ target: { 'in the way': '' } });
  await t.rejects(writeFileDurably(join(folder, 'target'), 'new'));
  t.same(await readdir(folder), ['target']);
});

t.test('a tree is removed with all that is in it; one that is not there is no failure', async (t) => {
  const folder = t.testdir({ tree: { usr: { 'a file': '' } }, beside: '' });
  await removeTree(join(folder, 'tree'));
  await removeTree(join(folder, 'tree'));
  t.same(await readdir(folder), ['beside']);
});
