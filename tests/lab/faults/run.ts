/** A person at work, something that breaks meanwhile, and what must hold afterwards: again and again, seeded. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#common/errors.ts';
import { check, type Findings } from './checks.ts';
import { FAULTS, type FaultName } from './faults.ts';
import { Random } from './random.ts';
import type { World } from './world.ts';

type Say = (line: string) => void;

export interface FaultOptions {
  /** How many faults at most. */
  runs: number;
  /** The same seed gives the same faults at the same moments. */
  seed: number;
  /** No fault begins later than this after the first. */
  minutes?: number | undefined;
  /** Serial number of the PC's disk. */
  disk: string;
  say: Say;
}

/** Faults that were tried, and of these the ones after which something was wrong. */
export interface FaultResult {
  runs: number;
  diverged: number;
  lostWrites: number;
  twoWriters: number;
  notHealed: number;
}

/** What the person does when the fault strikes. */
const ACTIONS = {
  attach: (world: World, disk: string) => world.attach(disk),
  attachAnew: async (world: World, disk: string) => {
    await world.forget();
    await world.attach(disk);
  },
  moveToPc: (world: World) => world.move('pc'),
  moveToServer: (world: World) => world.move('server'),
  leaveAndReturn: (world: World) => world.leaveAndReturn(),
  work: () => Promise.resolve(),
} as const;
type ActionName = keyof typeof ACTIONS;

const ATTACHES: ReadonlySet<ActionName> = new Set(['attach', 'attachAnew']);

/** Milliseconds: from the beginning of the action to the fault, and how long a fault with a length lasts. */
const STRIKE_AFTER = [0, 9_000] as const;
const HOLD = [1_000, 20_000] as const;
/** Milliseconds after which a world has not healed. Emulated, a server and its desktop started cold in more than 420 s. */
const HEAL_MS = 600_000;

async function possibleActions(world: World): Promise<ActionName[]> {
  const { attachment, holder } = await world.desktop();
  if (!attachment) return ['attach', 'work'];
  if (holder) return ['moveToServer', 'leaveAndReturn', 'work'];
  return ['moveToPc', 'moveToPc', 'leaveAndReturn', 'attachAnew', 'work'];
}

/**
 * Random faults, one after another, each healed and checked before the next. After one that does not heal the desktop is
 * switched off by force and on again, as a person would in the end; where that does not help, it is the last.
 * @param world attached to `disk`, or to none
 */
export async function randomFaults(world: World, options: FaultOptions): Promise<FaultResult> {
  const result = { runs: 0, diverged: 0, lostWrites: 0, twoWriters: 0, notHealed: 0 };
  const random = new Random(options.seed);
  world.survive(options.say);
  const until = options.minutes ? Date.now() + options.minutes * 60_000 : Number.POSITIVE_INFINITY;
  try {
    for (let goesOn = true; goesOn && result.runs < options.runs && Date.now() < until; ) {
      goesOn = await oneFault(world, random, options, result);
    }
  } finally {
    world.deployment.lab.beginAnew = undefined;
  }
  return result;
}

/** Returns whether there can be another one. */
async function oneFault(world: World, random: Random, options: FaultOptions, result: FaultResult): Promise<boolean> {
  const { say, disk } = options;
  const action = random.pick(await possibleActions(world));
  const fault = random.pick(Object.keys(FAULTS) as FaultName[]);
  const after = random.between(...STRIKE_AFTER);
  const hold = random.between(...HOLD);
  const begun = Date.now();
  result.runs += 1;
  say(`fault ${result.runs}: ${action}, and after ${(after / 1000).toFixed(1)} s ${FAULTS[fault].words}`);
  const acting = ACTIONS[action](world, disk).then(
    () => 'done',
    (error) => `ended by: ${messageOf(error).split('\n')[0]?.slice(0, 160)}`,
  );
  await sleep(after);
  const { crashes } = world;
  await FAULTS[fault].strike(world, hold).catch((error) => {
    if (world.crashes === crashes) throw error; // else the machine was not there any more
  });
  const findings = await healed(world, async () => {
    await world.settle(HEAL_MS);
    say(`  ${action}: ${await acting}`);
    const { attachment } = await world.settle(HEAL_MS);
    // What a fault prevented, the person does again; and there is little to break at a desktop that is on one disk only.
    if (!attachment && ATTACHES.has(action)) await world.attach(disk, HEAL_MS);
  }).catch(async (error) => {
    result.notHealed += 1;
    say(`  NOT HEALED: ${messageOf(error)}`);
    await keep(world, `fault-${result.runs}`, say);
  });
  if (!findings) return await startedOver(world, say);
  for (const [kind, sentences] of Object.entries(findings) as [keyof typeof findings, string[]][]) {
    if (sentences.length > 0) result[kind] += 1;
    for (const sentence of sentences.slice(0, 5)) say(`  ${kind.toUpperCase()}: ${sentence}`);
  }
  const { holder, attachment } = await world.desktop();
  const where = holder ? 'on the PC' : 'on the server';
  const took = Math.round((Date.now() - begun) / 1000);
  say(`  healed: ${where}, ${attachment ? 'in sync' : 'not attached'}, record ${world.probe.newest}, ${took} s`);
  return true;
}

async function startedOver(world: World, say: Say): Promise<boolean> {
  try {
    await world.startOver(HEAL_MS);
    say('  switched off by force and on again: it runs');
    return true;
  } catch (error) {
    say(`  switched off by force, and it does not run again: ${messageOf(error)}`);
    return false;
  }
}

/** Waits for `heal` and looks at everything; again, whenever the emulator crashed a machine meanwhile. */
async function healed(world: World, heal: () => Promise<void>): Promise<Findings> {
  for (;;) {
    const { crashes } = world;
    try {
      await heal();
      return await check(world);
    } catch (error) {
      if (world.crashes === crashes) throw error;
    }
  }
}

async function keep(world: World, name: string, say: Say): Promise<void> {
  for (const machine of [world.server, world.pc]) {
    await machine.screenshot(`${name}-${machine.name}`).catch(() => {});
    const { output } = await machine
      .shell('journalctl -b --no-pager -n 300 -o short-precise; drbdsetup status --statistics; dmsetup table; lsblk')
      .catch(() => ({ output: 'no shell' }));
    say(`--- ${machine.name}\n${output.slice(-6_000)}`);
  }
}
