/**
 * `npm run faults`: a desktop that writes, and random faults while it is attached, synchronised, moved, left and returned
 * to. The last line is JSON; exit code 0 only if nothing was lost.
 */
import { Command, InvalidArgumentError } from 'commander';
import { describeError } from '#common/errors.ts';
import { ensureDebianPackages } from '../../builder/debian-packages.ts';
import { Deployment } from './deployment.ts';
import { type FaultResult, randomFaults } from './faults/run.ts';
import { World } from './faults/world.ts';
import { ensureImages } from './images.ts';
import { PROBE_NETWORK } from './probe.ts';
import { assertRoom } from './room.ts';

/** Serial number of the PC's disk. */
const DISK = 'FAULTS-1';

let result: FaultResult = { runs: 0, diverged: 0, lostWrites: 0, twoWriters: 0, notHealed: 0 };

async function main(flags: { runs: number; seed: number; minutes?: number }): Promise<void> {
  await ensureDebianPackages();
  await assertRoom({ memoryGiB: 8, diskGiB: 5, folder: '/var/tmp' });
  await ensureImages(['client', 'client-debug', 'server-debug', 'probe'], console.log);
  const deployment = await Deployment.prepare('faults', { debug: true, network: PROBE_NETWORK });
  try {
    const world = await deployment.lab.keepingEvidence(() =>
      World.make(deployment, [{ serial: DISK, sizeMiB: 2048 }], console.log),
    );
    result = await randomFaults(world, { ...flags, disk: DISK, say: console.log });
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
