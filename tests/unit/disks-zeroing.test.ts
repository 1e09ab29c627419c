import t from 'tap';
import { goBytes, makeZero, takesTooLong } from '../../client-runtime/disks/zeroing.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

t.test('a go takes about five seconds, whatever the disk', async (t) => {
  t.equal(goBytes(0, 0), 256 * MIB, 'the first one measures');
  t.equal(goBytes(256 * MIB, 2_000), 640 * MIB, 'a hard disk');
  t.equal(goBytes(256 * MIB, 8_000), 256 * MIB, 'a slow one');
  t.equal(goBytes(256 * MIB, 10), 125 * GIB, 'a disk that has a command for it');
  t.equal(goBytes(256 * MIB, 0.2) % MIB, 0, 'whole MiB');
});

t.test('it is given up as soon as it cannot be done in time', async (t) => {
  const so = { done: 256 * MIB, all: 20 * GIB, withinMs: 60_000 };
  t.equal(takesTooLong({ ...so, spentMs: 2_000 }), true, 'a hard disk with much to write: 160 s');
  t.equal(takesTooLong({ ...so, all: 6 * GIB, spentMs: 2_000 }), false, 'and with little');
  t.equal(takesTooLong({ ...so, spentMs: 100 }), false, 'a quick one');
  t.equal(takesTooLong({ ...so, done: 20 * GIB, spentMs: 61_000 }), false, 'what is done is done');
});

t.test('broken off: nothing more is begun', async (t) => {
  const signal = AbortSignal.abort(new Error('nobody wants it'));
  const pieces = [{ from: 0, bytes: GIB }];
  await t.rejects(makeZero('/nonexistent', pieces, { withinMs: 60_000, signal }), { message: 'nobody wants it' });
});
