import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { spaceProblem } from '../../server/storage/images.ts';
import { HEADER_BYTES, readHeader } from '../../server/storage/qcow2.ts';

const folder = mkdtempSync(join(tmpdir(), 'qcow2-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** The header of an image that qemu-img really made. */
function made(name: string, ...args: string[]): Buffer {
  const path = join(folder, name);
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, path, '64M']);
  return readFileSync(path).subarray(0, HEADER_BYTES);
}

t.test('images that stand alone are taken', async (t) => {
  const expected = { kind: 'qcow2', diskBytes: 64 * 1024 ** 2 };
  t.strictSame(readHeader(made('plain')), expected);
  t.strictSame(readHeader(made('old', '-o', 'compat=0.10')), expected);
  t.strictSame(readHeader(made('extended', '-o', 'extended_l2=on,cluster_size=128k')), expected);
  t.strictSame(readHeader(made('zstd', '-o', 'compression_type=zstd')), expected);
  t.strictSame(readHeader(Buffer.alloc(512)), { kind: 'raw' });
});

t.test('images that would make QEMU open other files are refused', async (t) => {
  writeFileSync(join(folder, 'base'), Buffer.alloc(1024 ** 2));
  const backing = made('backing', '-F', 'raw', '-b', join(folder, 'base'));
  t.match(readHeader(backing), { kind: 'refused', reason: /backing file/ });
  const external = made('external', '-o', `data_file=${join(folder, 'data')},data_file_raw=on`);
  t.match(readHeader(external), { kind: 'refused', reason: /external data file/ });
});

t.test('what is damaged, encrypted, unknown or absurd is refused', async (t) => {
  const plain = made('p2');
  const changed = (offset: number, ...bytes: number[]) => {
    const copy = Buffer.from(plain);
    copy.set(bytes, offset);
    return copy;
  };
  t.match(readHeader(changed(4, 0, 0, 0, 9)), { kind: 'refused', reason: /version 9/ });
  t.match(readHeader(changed(35, 1)), { kind: 'refused', reason: /encrypted/ });
  t.match(readHeader(changed(79, 2)), { kind: 'refused', reason: /damaged/ });
  t.match(readHeader(changed(72, 128)), { kind: 'refused', reason: /not known/ });
  t.match(readHeader(changed(24, 0x7f)), { kind: 'refused', reason: /16 TiB/ });
  t.match(readHeader(plain.subarray(0, 40)), { kind: 'refused', reason: /ends inside/ });
  for (const [text, name] of [
    ['KDMV', 'VMDK'],
    ['vhdxfile', 'VHDX'],
    ['PK\x03\x04', 'zip'],
  ] as const) {
    t.match(readHeader(Buffer.from(text.padEnd(512, '\0'), 'latin1')), { kind: 'refused', reason: new RegExp(name) });
  }
});

t.test('no header makes the reader throw', async () => {
  const plain = made('p3');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(111), (bytes, offset) => {
      const copy = Buffer.from(plain);
      copy.set(bytes.subarray(0, copy.length - offset), offset);
      readHeader(copy);
      readHeader(bytes);
    }),
    { numRuns: 3000 },
  );
});

t.test('a pool that is nearly full, or not there, is said in words', async (t) => {
  const ready = { kind: 'ready', bytes: 1, dataPercent: 50, metadataPercent: 20 } as const;
  t.equal(spaceProblem(ready), undefined);
  t.match(spaceProblem({ ...ready, dataPercent: 95 }), { code: 'unavailable', message: /95 % of its data/ });
  t.match(spaceProblem({ ...ready, metadataPercent: 91 }), { code: 'unavailable', message: /91 % of its metadata/ });
  t.match(spaceProblem({ kind: 'unavailable', reason: 'why', hint: 'do' }), { message: /why/, hint: 'do' });
});
