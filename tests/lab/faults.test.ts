/** As many random faults as fit a few minutes; `npm run faults` runs more of them, and any of them again. */
import t from 'tap';
import { run } from '#common/run.ts';

const MINUTES = 5;
const SEED = 1;

t.setTimeout(0);

t.test('random faults while a desktop is attached, moved and left: nothing that was written is lost', async (t) => {
  const argv = ['tests/lab/faults.ts', '--runs', '50', '--seed', String(SEED), '--minutes', String(MINUTES)] as const;
  const { stdout } = await run([process.execPath, ...argv], {
    okExitCodes: [0, 1],
    timeoutMs: 25 * 60_000,
    onLine: (line) => t.comment(line),
  });
  const { runs, ...bad } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, number>;
  t.ok((runs ?? 0) > 0, `${runs} faults were tried`);
  t.same(bad, { diverged: 0, lostWrites: 0, twoWriters: 0, notHealed: 0 });
});
