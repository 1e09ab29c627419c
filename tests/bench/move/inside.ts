/**
 * What `move.ts` does inside its machine: `prepare` once, then `ours` and `plain` by turns. A turn switches the desktop
 * on, moves it to the other place and back while it writes, and switches it off.
 */
import { describeError } from '#common/errors.ts';
import { eventually } from '../../lab/eventually.ts';
import { ProbeListener } from '../../lab/probe.ts';
import { ours, prepareOurs } from './ours.ts';
import { plain } from './plain.ts';
import { type From, type Moved, ordered, type Side } from './side.ts';

/** The lab's address that the probe knows (image-overlay/probe); this machine has it here. */
const LAB = '192.168.77.2';
/** Records that the desktop writes before and after a move: after its start, it has come to rest by then. */
const RECORDS = 50;
const BOOT_LIMIT = 10 * 60_000;
const WRITING_LIMIT = 3 * 60_000;
const RESUME_LIMIT = 60_000;

async function turn(side: Side): Promise<Moved[]> {
  const probe = await ProbeListener.open(LAB);
  try {
    await side.places[0].start();
    await writing(probe, BOOT_LIMIT);
    const boot = probe.last?.boot;
    const moves: Moved[] = [];
    for (const from of [0, 1] as const) {
      const begun = Date.now();
      const measured = await measuredMove(side, from);
      await writing(probe, WRITING_LIMIT);
      moves.push({ ...measured, pause: Math.round(probe.longestGap(begun).own * 1000) });
      await side.finish(from);
    }
    if (probe.last?.boot !== boot) throw new Error('the desktop was started again in between');
    if (probe.twoWriters.length > 0) throw new Error(`the desktop ran twice: ${probe.twoWriters[0]}`);
    return moves;
  } finally {
    for (const { machine } of side.places) await machine.end();
    await probe.close();
  }
}

/** QEMU's own events tell when, at both ends by the same clock, whatever was between them. */
async function measuredMove(side: Side, from: From): Promise<Omit<Moved, 'pause'>> {
  const { source, target } = ordered(side.places, from);
  source.stoppedAt = undefined;
  target.resumedAt = undefined;
  const begun = Date.now();
  await side.move(from);
  await eventually('the desktop goes on', RESUME_LIMIT, async () => target.resumedAt !== undefined);
  const { stoppedAt } = source;
  const { resumedAt } = target;
  if (stoppedAt === undefined || resumedAt === undefined) throw new Error('QEMU did not tell when it stood still');
  return { downtime: resumedAt - stoppedAt, total: resumedAt - begun };
}

/** The desktop writes, and what it tells comes through. */
async function writing(probe: ProbeListener, withinMs: number): Promise<void> {
  const enough = probe.told.length + RECORDS;
  await eventually('the desktop writes', withinMs, async () => probe.told.length >= enough);
}

const WORK: Readonly<Record<string, () => Promise<Moved[]>>> = {
  prepare: async () => {
    await prepareOurs();
    return [];
  },
  ours: () => turn(ours),
  plain: () => turn(plain),
};

const [name = ''] = process.argv.slice(2);
try {
  const work = WORK[name];
  if (!work) throw new Error(`nothing is called ${name}`);
  console.log(`moved ${JSON.stringify(await work())}`);
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
