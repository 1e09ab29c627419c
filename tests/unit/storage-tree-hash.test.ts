import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { PIECE_BYTES, treeHash } from '../../server/storage/tree-hash.ts';

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();

async function hashOfBytes(folder: string, data: Buffer): Promise<string> {
  const path = join(folder, 'disk');
  await writeFile(path, data);
  return await treeHash(path);
}

t.test('the hash is SHA-256 over the SHA-256s of the pieces, whether they are zero or not', async (t) => {
  const folder = t.testdir();
  const first = Buffer.alloc(PIECE_BYTES, 'x');
  const zero = Buffer.alloc(PIECE_BYTES);
  const rest = Buffer.from('the last piece is shorter');
  t.equal(
    await hashOfBytes(folder, Buffer.concat([first, zero, rest])),
    sha256(Buffer.concat([sha256(first), sha256(zero), sha256(rest)])).toString('hex'),
  );
});

t.test('one changed bit anywhere changes it, and so does the length', async (t) => {
  const folder = t.testdir();
  const disk = Buffer.alloc(2 * PIECE_BYTES);
  const hashes = [await hashOfBytes(folder, disk), await hashOfBytes(folder, disk.subarray(0, PIECE_BYTES))];
  for (const at of [0, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES - 1]) {
    disk[at] = 1;
    hashes.push(await hashOfBytes(folder, disk));
    disk[at] = 0;
  }
  t.equal(new Set(hashes).size, hashes.length);
});

t.test('an empty disk has a hash too', async (t) => {
  t.equal(await hashOfBytes(t.testdir(), Buffer.alloc(0)), sha256(Buffer.alloc(0)).toString('hex'));
});

t.test('what was never written is not read, and hashes to the same', async (t) => {
  const path = join(t.testdir(), 'disk');
  const [count, shorter] = [3, 4096];
  const bytes = count * PIECE_BYTES + shorter;
  const piece = fc.integer({ min: 0, max: count });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(piece), fc.boolean(), async (pieces, nextToIt) => {
      const disk = Buffer.alloc(bytes);
      const written = pieces
        .toSorted((a, b) => a - b)
        .map((n) => ({ from: n * PIECE_BYTES + (nextToIt ? 0 : 512), bytes: 1024 }));
      for (const { from } of written) disk.fill('x', from, from + 512);
      await writeFile(path, disk);
      const hash = await treeHash(path);
      if (hash !== (await treeHash(path, { bytes, written }))) throw new Error(JSON.stringify(written));
    }),
    { numRuns: 20 },
  );
  const disk = Buffer.alloc(2 * PIECE_BYTES);
  const hash = await hashOfBytes(t.testdir(), disk);
  await writeFile(path, disk.fill('x', PIECE_BYTES));
  t.equal(await treeHash(path, { bytes: disk.length, written: [{ from: 0, bytes: 512 }] }), hash, 'it is believed');
});
