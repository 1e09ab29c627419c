/**
 * `npm run faults`: a desktop that writes, and random faults while it is attached, synchronised, moved, left and returned
 * to. The same seed gives the same faults at the same moments. The last line is JSON; exit code 0 only if nothing was lost.
 */
import { Command, InvalidArgumentError } from 'commander';
import { describeError, messageOf } from '#common/errors.ts';
import { ensureDebianPackages } from '../../builder/debian-packages.ts';
import { Deployment } from './deployment.ts';
import { check } from './faults/checks.ts';
import { FAULTS, type FaultName } from './faults/faults.ts';
import { Random } from './faults/random.ts';
import { World } from './faults/world.ts';
import { ensureImages } from './images.ts';
import { PROBE_NETWORK } from './probe.ts';
import { assertRoom } from './room.ts';

interface Flags {
  runs: number;
  seed: number;
  minutes?: number;
}

/** What the person does when the fault strikes. */
const ACTIONS = {
  attach: (world: World) => world.attach(DISK),
  attachAnew: async (world: World) => {
    await world.forget();
    await world.attach(DISK);
  },
  moveToPc: (world: World) => world.move('pc'),
  moveToServer: (world: World) => world.move('server'),
  leaveAndReturn: (world: World) => world.leaveAndReturn(),
  work: () => Promise.resolve(),
} as const;
type ActionName = keyof typeof ACTIONS;

/** Milliseconds: from the beginning of the action to the fault, and how long a fault with a length lasts. */
const STRIKE_AFTER = [0, 9_000] as const;
const HOLD = [1_000, 20_000] as const;
/** Milliseconds after which a world that has not healed counts as not healed. */
const HEAL_MS = 420_000;

/** Serial number of the PC's disk. */
const DISK = 'FAULTS-1';

const result = { runs: 0, diverged: 0, lostWrites: 0, twoWriters: 0, notHealed: 0 };

async function possibleActions(world: World): Promise<ActionName[]> {
  const { attachment, holder } = await world.desktop();
  if (!attachment) return ['attach', 'work'];
  if (holder) return ['moveToServer', 'leaveAndReturn', 'work'];
  return ['moveToPc', 'moveToPc', 'leaveAndReturn', 'attachAnew', 'work'];
}

async function oneRun(world: World, random: Random, number: number): Promise<boolean> {
  const action = random.pick(await possibleActions(world));
  const fault = random.pick(Object.keys(FAULTS) as FaultName[]);
  const after = random.between(...STRIKE_AFTER);
  const hold = random.between(...HOLD);
  const begun = Date.now();
  console.log(`run ${number}: ${action}, and after ${(after / 1000).toFixed(1)} s ${FAULTS[fault].words}`);
  const acting = ACTIONS[action](world).then(
    () => 'done',
    (error) => `ended by: ${messageOf(error).split('\n')[0]?.slice(0, 160)}`,
  );
  await new Promise((resolve) => setTimeout(resolve, after));
  await FAULTS[fault].strike(world, hold);
  result.runs += 1;
  try {
    await world.settle(HEAL_MS);
    console.log(`  ${action}: ${await acting}`);
    await world.settle(HEAL_MS);
  } catch (error) {
    result.notHealed += 1;
    console.log(`  NOT HEALED: ${messageOf(error)}`);
    await keep(world, `run-${number}`);
    return false;
  }
  const findings = await check(world);
  for (const [kind, sentences] of Object.entries(findings) as [keyof typeof findings, string[]][]) {
    if (sentences.length > 0) result[kind] += 1;
    for (const sentence of sentences.slice(0, 5)) console.log(`  ${kind.toUpperCase()}: ${sentence}`);
  }
  const { holder, attachment } = await world.desktop();
  const where = holder ? 'on the PC' : 'on the server';
  const took = Math.round((Date.now() - begun) / 1000);
  console.log(
    `  healed: ${where}, ${attachment ? 'in sync' : 'not attached'}, record ${world.probe.newest}, ${took} s`,
  );
  return true;
}

async function keep(world: World, name: string): Promise<void> {
  for (const machine of [world.server, world.pc]) {
    await machine.screenshot(`${name}-${machine.name}`).catch(() => {});
    const { output } = await machine
      .shell('journalctl -b --no-pager -n 300 -o short-precise; drbdsetup status --statistics; dmsetup table; lsblk')
      .catch(() => ({ output: 'no shell' }));
    console.log(`--- ${machine.name}\n${output.slice(-6_000)}`);
  }
}

async function main({ runs, seed, minutes }: Flags): Promise<void> {
  await ensureDebianPackages();
  await assertRoom({ memoryGiB: 8, diskGiB: 5, folder: '/var/tmp' });
  await ensureImages(['client', 'client-debug', 'server-debug', 'probe'], console.log);
  const deployment = await Deployment.prepare('faults', { debug: true, network: PROBE_NETWORK });
  const random = new Random(seed);
  try {
    const world = await deployment.lab.keepingEvidence(() =>
      World.make(deployment, [{ serial: DISK, sizeMiB: 2048 }], console.log),
    );
    const until = minutes ? Date.now() + minutes * 60_000 : Number.POSITIVE_INFINITY;
    for (let number = 1; number <= runs && Date.now() < until; number++) {
      if (!(await oneRun(world, random, number))) break;
    }
  } finally {
    await deployment.close();
  }
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError('A whole number, please.');
  return number;
}

const command = new Command('npm run faults --')
  .description('Random faults against a desktop that writes; nothing it was sure of may be lost.')
  .option('--runs <number>', 'how many faults', whole, 50)
  .option('--seed <number>', 'the same seed gives the same faults', whole, 1)
  .option('--minutes <number>', 'begin no new run this long after the first one began', whole)
  .addHelpText(
    'after',
    '\nThe last line is JSON: {"runs","diverged","lostWrites","twoWriters","notHealed"}. Exit code 0: all but runs are 0.',
  )
  .showHelpAfterError('(--help shows what there is)')
  .action(main);

try {
  await command.parseAsync();
} catch (error) {
  console.error(`\n${describeError(error)}`);
  process.exitCode = 1;
}
console.log(JSON.stringify(result));
const { diverged, lostWrites, twoWriters, notHealed } = result;
process.exit(process.exitCode ?? (diverged + lostWrites + twoWriters + notHealed > 0 || result.runs === 0 ? 1 : 0));
