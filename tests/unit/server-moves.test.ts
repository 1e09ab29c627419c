/** A desktop moves between server and PC, in memory: whatever fails on the way, one side runs, and nothing is lost. */
import t from 'tap';
import type { Timing } from '../../server/attachments/timing.ts';
import { Life, PC } from './server/sim-life.ts';
import { until } from './server/sim-waiting.ts';

/** On the server, running, in sync with the PC. */
async function attached(timing: Partial<Timing> = {}): Promise<Life> {
  const life = await Life.begin(timing);
  await life.attach();
  await life.switchOn();
  await until('in sync', () => life.world.pc.whole && life.world.connectedTicks > 0, life);
  await life.attachments.idle();
  return life;
}

/** On the server, running, connected with a PC that is not sent anything yet. */
async function withoutBlocks(): Promise<Life> {
  const life = await Life.begin();
  life.world.syncing = false;
  await life.attach();
  await life.switchOn();
  await until('connected', () => life.world.connectedTicks > 0, life);
  await life.attachments.idle();
  return life;
}

t.test('ten rounds there and back: one holder at a time, and the counter grows with each', async (t) => {
  const life = await attached();
  t.teardown(() => life.end());
  for (let round = 0; round < 10; round += 1) {
    await life.attachments.move(await life.row(), { to: 'pc' });
    await until(
      'on the PC',
      () => life.world.pc.machine.kind === 'running' && life.world.server.machine.kind === 'none',
      life,
    );
    await life.attachments.idle();
    t.match(await life.row(), { holder_pc: PC, generation: round * 2 + 1, notice_text: null });
    await life.attachments.move(await life.row(), { to: 'server' });
    await until(
      'on the server',
      () => life.world.server.machine.kind === 'running' && life.world.pc.machine.kind === 'none',
      life,
    );
    await life.attachments.idle();
    t.match(await life.row(), { holder_pc: null, generation: round * 2 + 2, notice_text: null });
  }
  t.same(life.world.problems, []);
  t.equal(life.world.pc.primary, false);
  t.equal(life.world.server.text?.two, false);
});

t.test('what a move has left is ended after a quiet moment', async (t) => {
  const quietMs = 1_000;
  const life = await attached({ quietMs });
  t.teardown(() => life.end());
  const { world } = life;
  await life.attachments.move(await life.row(), { to: 'pc' });
  await until('on the PC', async () => !life.attachments.viewOf(await life.row()).move, life);
  const moved = performance.now();
  t.match(await life.row(), { holder_pc: PC });
  t.equal(world.pc.machine.kind, 'running');
  await until('tidied up', () => world.server.machine.kind === 'none', life);
  t.ok(performance.now() - moved > quietMs / 2, 'it was left alone meanwhile');
  t.same(world.problems, []);
});

t.test('handed over, but standing still: nobody waits for a quiet moment', async (t) => {
  const life = await attached({ quietMs: 60_000 });
  t.teardown(() => life.end());
  const { world } = life;
  world.fault = (call) => (call === 'pc.letRun' ? 'failBefore' : undefined);
  await life.attachments.move(await life.row(), { to: 'pc' });
  await until('handed over', async () => (await life.row()).holder_pc === PC, life);
  world.fault = () => undefined;
  await until('running', () => world.pc.machine.kind === 'running', life);
  await life.attachments.idle();
  t.same(world.problems, []);
});

t.test('cancelled: it goes on where it was, and the notice says so; the next move works', async (t) => {
  const life = await attached();
  t.teardown(() => life.end());
  const { world } = life;
  await life.attachments.move(await life.row(), { to: 'pc' });
  await until('copying', () => world.server.machine.kind === 'migrating', life);
  t.match(life.attachments.viewOf(await life.row()).move, { to: 'pc', phase: 'copyingMemory' });
  await t.rejects(life.attachments.move(await life.row(), { to: 'pc' }), /is being moved already/);
  life.attachments.cancelMove(await life.row());
  await until('back', () => world.server.machine.kind === 'running' && world.pc.machine.kind === 'none', life);
  await until('at rest', async () => !life.attachments.viewOf(await life.row()).move && !world.pc.primary, life);
  t.match(await life.row(), { holder_pc: null, generation: 0, notice_text: /was cancelled/ });
  await life.attachments.move(await life.row(), { to: 'pc' });
  await until('on the PC', () => world.pc.machine.kind === 'running', life);
  await life.attachments.idle();
  t.match(await life.row(), { holder_pc: PC, notice_text: null });
  t.same(world.problems, []);
});

t.test(
  'a desktop that is off is handed over without QEMU, and to the server only when that has everything',
  async (t) => {
    const life = await attached();
    t.teardown(() => life.end());
    const { world } = life;
    await life.attachments.move(await life.row(), { to: 'pc' });
    await until('on the PC', () => world.pc.machine.kind === 'running', life);
    await life.attachments.idle();
    life.setLink(false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    world.syncing = false;
    life.setLink(true);
    await until('behind', () => !world.server.whole, life);
    await until('told', async () => life.attachments.viewOf(await life.row()).holder?.reachable === true, life);
    await life.attachments.idle();
    await life.attachments.forceOffOnPc(await life.row());
    await life.attachments.move(await life.row(), { to: 'server' });
    await new Promise((resolve) => setTimeout(resolve, 30));
    t.match(await life.row(), { holder_pc: PC }, 'it waits');
    world.syncing = true;
    await until('handed over', async () => (await life.row()).holder_pc === null, life);
    t.equal(world.server.writes, world.acknowledged);
    await life.attachments.idle();
    await life.attachments.move(await life.row(), { to: 'pc' });
    await until('handed over', async () => (await life.row()).holder_pc === PC, life);
    await life.attachments.idle();
    await life.switchOn();
    t.equal(world.pc.machine.kind, 'running');
    t.same(world.problems, []);
  },
);

t.test('it moves there and back while the PC has not every block, without waiting for them', async (t) => {
  const life = await withoutBlocks();
  t.teardown(() => life.end());
  const { world } = life;
  for (const generation of [2, 4]) {
    await life.attachments.move(await life.row(), { to: 'pc' });
    await until('on the PC', () => world.pc.machine.kind === 'running' && world.pc.text?.two === false, life);
    await life.attachments.idle();
    t.match(await life.row(), { holder_pc: PC, holder_complete: 0 });
    await life.attachments.move(await life.row(), { to: 'server' });
    await until('back', () => world.server.machine.kind === 'running' && world.pc.machine.kind === 'none', life);
    await life.attachments.idle();
    t.match(await life.row(), { holder_pc: null, generation, notice_text: null });
  }
  t.equal(world.pc.whole, false, 'the PC is still being sent its copy');
  t.equal(world.server.writes, world.acknowledged);
  world.syncing = true;
  await until('in sync', () => world.pc.whole, life);
  t.same(world.problems, []);
});

t.test('a PC that gets its last block in the moment the link is cut stands still until the server knows', async (t) => {
  const life = await withoutBlocks();
  t.teardown(() => life.end());
  const { world } = life;
  await life.attachments.move(await life.row(), { to: 'pc' });
  await until('on the PC', () => world.pc.machine.kind === 'running' && world.pc.text?.two === false, life);
  await life.attachments.idle();
  t.match(await life.row(), { holder_pc: PC, holder_complete: 0 });
  life.setLink(false);
  world.pc.whole = true;
  const before = world.acknowledged;
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(world.acknowledged, before, 'nothing was acknowledged that the server does not have');
  await life.switchOn();
  t.match(await life.row(), { holder_pc: null, generation: 2 }, 'so the server can go on');
  t.equal(world.server.machine.kind, 'running');
  world.syncing = true;
  life.setLink(true);
  await until('in sync again', () => world.pc.whole && world.connectedTicks > 20, life);
  t.equal(world.pc.machine.kind, 'none', 'what stood still on the PC is ended');
  t.same(world.problems, []);
});

t.test('a PC that has everything goes on alone, and the server does not start an older copy beside it', async (t) => {
  const life = await attached();
  t.teardown(() => life.end());
  const { world } = life;
  await life.attachments.move(await life.row(), { to: 'pc' });
  await until('on the PC', () => world.pc.machine.kind === 'running', life);
  await life.attachments.idle();
  life.setLink(false);
  const before = world.acknowledged;
  await until('going on', () => world.acknowledged > before + 10, life);
  await t.rejects(life.switchOn(), /is not connected/);
  await t.rejects(life.attachments.reclaim(await life.row(), 0), /The copy of the server is/);
  t.equal(world.server.machine.kind, 'none');
  life.strike('powerCut');
  life.setLink(true);
  await until('its disk is the source', () => world.server.whole && world.connectedTicks > 0, life);
  await life.attachments.idle();
  t.match(await life.row(), { holder_pc: PC, generation: 1 });
  await life.switchOn();
  t.equal(world.pc.machine.kind, 'running', 'and the desktop goes on from there');
  t.equal(world.server.writes >= before, true);
  t.same(world.problems, []);
});

t.test(
  'taken back from a lost PC: that PC is refused when it returns, and its disk is put aside by name',
  async (t) => {
    const life = await attached();
    t.teardown(() => life.end());
    const { world } = life;
    await life.attachments.move(await life.row(), { to: 'pc' });
    await until('on the PC', () => world.pc.machine.kind === 'running', life);
    await life.attachments.idle();
    life.setLink(false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await life.attachments.reclaim(await life.row(), 1);
    t.match(await life.row(), { holder_pc: null, generation: 2, notice_text: /taken back from pc-1/ });
    world.acknowledged = world.server.writes; // what only the PC had is given up, as the administrator was told
    world.strayWrites = true;
    await life.switchOn();
    life.setLink(true);
    await until('the PC has let go', () => !world.pc.attached, life);
    t.equal(world.server.machine.kind, 'running');
    const view = life.attachments.viewOf(await life.row());
    t.match(view.knownDisks, [{ disk: { serial: 'DISK-A' }, aside: { text: /keeps its own copy of ana-desk/ } }]);
    await t.rejects(life.attach(false), /was put aside/);
    await life.attach();
    await until('in sync', () => world.pc.whole && world.connectedTicks > 0, life);
  },
);
