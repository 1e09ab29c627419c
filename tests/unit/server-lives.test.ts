/** Whole lives of a desktop between server and PC, in memory: whatever fails, hangs or dies, one side runs, nothing is lost. */
import fc from 'fast-check';
import t from 'tap';
import { type HostCallName, HostCalls } from '#common/protocol/host-link.ts';
import { Life } from './server/sim-life.ts';
import { describe, until } from './server/sim-waiting.ts';
import type { Fault } from './server/sim-world.ts';

t.setTimeout(600_000);

type Act =
  | 'attach'
  | 'detach'
  | 'forget'
  | 'start'
  | 'toPc'
  | 'toServer'
  | 'cancel'
  | 'cutLink'
  | 'restoreLink'
  | 'powerCut'
  | 'serverDies'
  | 'wait';

const acts = fc.array(
  fc.record({
    act: fc.constantFrom<Act>(
      'toPc',
      'toPc',
      'toServer',
      'toServer',
      'cancel',
      'cutLink',
      'restoreLink',
      'powerCut',
      'serverDies',
      'wait',
      'start',
      'attach',
      'detach',
      'forget',
    ),
    /** ms */
    after: fc.integer({ min: 0, max: 30 }),
  }),
  { minLength: 1, maxLength: 12 },
);
/** The nth call of this kind fails in this way. */
const faults = fc.array(
  fc.record({
    call: fc
      .tuple(
        fc.constantFrom('server', 'pc'),
        fc.constantFrom<HostCallName>(...(Object.keys(HostCalls) as HostCallName[])),
      )
      .map((parts) => parts.join('.')),
    nth: fc.nat({ max: 2 }),
    fault: fc.constantFrom<Fault>('failBefore', 'failAfter', 'hang', 'cutLink', 'serverDies', 'powerCut'),
  }),
  { maxLength: 6 },
);

t.test('random lives: never two writers, nothing acknowledged is lost, and it ends well', async (t) => {
  let moves = 0;
  await fc.assert(
    fc.asyncProperty(acts, faults, async (acts, faults) => {
      const life = await Life.begin();
      try {
        moves += await live(life, acts, faults);
        await endsWell(life);
      } finally {
        await life.end();
      }
    }),
    {
      numRuns: Number(process.env.LIVES ?? 60),
      endOnFailure: true,
      ...(process.env.SEED && { seed: Number(process.env.SEED) }),
    },
  );
  t.ok(moves > 0, `${moves} moves were begun`);
});

async function live(
  life: Life,
  acts: { act: Act; after: number }[],
  faults: { call: string; nth: number; fault: Fault }[],
) {
  const { world } = life;
  await life.attach();
  await life.switchOn();
  const seen = new Map<string, number>();
  world.fault = (call) => {
    const nth = seen.get(call) ?? 0;
    seen.set(call, nth + 1);
    return faults.find((f) => f.call === call && f.nth === nth)?.fault;
  };
  let moves = 0;
  for (const { act, after } of acts) {
    await new Promise((resolve) => setTimeout(resolve, after));
    await life.up();
    const row = await life.row();
    try {
      switch (act) {
        case 'toPc':
        case 'toServer':
          await life.attachments.move(row, { to: act === 'toPc' ? 'pc' : 'server' });
          moves += 1;
          break;
        case 'start':
          await life.switchOn();
          break;
        case 'attach':
          await life.attach();
          break;
        case 'detach':
        case 'forget':
          await life.attachments.detach(row, act === 'forget');
          break;
        case 'cancel':
          life.attachments.cancelMove(row);
          break;
        case 'restoreLink':
          life.setLink(true);
          break;
        case 'wait':
          break;
        default:
          life.strike(act);
          if (act === 'powerCut') life.logInAtPc();
      }
    } catch {
      // refused, in words; that is fine
    }
    if (world.problems.length > 0) throw new Error(`${world.problems}\n${await describe(life)}`);
  }
  return moves;
}

/** All is healed: then it comes to rest with one machine at the holder, and both disks the same. */
async function endsWell(life: Life): Promise<void> {
  const { world } = life;
  world.fault = () => undefined;
  await life.up();
  life.setLink(true);
  life.logInAtPc();
  await life.attach().catch(() => {}); // refused while it is held: then it is attached
  await until(
    'at rest',
    async () => {
      const row = await life.row();
      const [here, there] = row.holder_pc === null ? [world.server, world.pc] : [world.pc, world.server];
      if (here.machine.kind === 'none' && there.machine.kind === 'none') await life.switchOn().catch(() => {});
      const rest =
        here.machine.kind === 'running' &&
        !['running', 'sent', 'arrived', 'incoming', 'migrating'].includes(there.machine.kind);
      return (
        rest &&
        world.usable(here) &&
        world.connectedTicks > 10 &&
        world.server.whole &&
        world.pc.whole &&
        !there.primary
      );
    },
    life,
    8_000,
  );
  await life.attachments.idle();
  if (world.problems.length > 0) throw new Error(`${world.problems}\n${await describe(life)}`);
}
