import t from 'tap';
import { Cleanup } from '#common/cleanup.ts';

t.test('undoes last in first out, once', async (t) => {
  const seen: number[] = [];
  const cleanup = new Cleanup();
  for (const n of [1, 2, 3]) cleanup.add(`step ${n}`, () => void seen.push(n));
  await cleanup.run();
  await cleanup.run();
  t.same(seen, [3, 2, 1]);
});

t.test('a failing entry does not keep the others from running, and is told', async (t) => {
  const seen: string[] = [];
  const cleanup = new Cleanup();
  cleanup.add('first', () => void seen.push('first'));
  cleanup.add('second', async () => Promise.reject(new Error('stuck')));
  await t.rejects(cleanup.run(), /second: stuck/);
  t.same(seen, ['first']);
});

t.test('nothing is undone after disarm', async (t) => {
  const cleanup = new Cleanup();
  cleanup.add('never', () => void t.fail('ran'));
  cleanup.disarm();
  await cleanup.run();
});
