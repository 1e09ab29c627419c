/** `npm run bench [-- NAME ...]`: measures FlexDeploy beside what one would use otherwise. */
import { readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { describeError, UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { run } from '#common/run.ts';
import { ensureDebianPackages } from '../../builder/debian-packages.ts';
import type { Bench } from './bench.ts';
import { build } from './build.ts';
import { disk } from './disk.ts';
import { type Conditions, updateDocument } from './document.ts';
import { type Figure, jsonLine, textTable } from './figure.ts';
import { isoSize } from './iso-size.ts';
import { kiosk } from './kiosk.ts';
import { move } from './move.ts';
import { sync } from './sync.ts';

const BENCHES: readonly Bench[] = [isoSize, build, kiosk, sync, disk, move];
const NAMES = BENCHES.flatMap((bench) => Object.keys(bench.figures));
const DOCUMENT = 'docs/benchmarks.md';
const EXAMPLES = `
Examples:
  npm run bench                       # all of them; takes the better part of an hour
  npm run bench -- boot memory        # measured on the same machines, in one go
  npm run bench -- rebuild --json
  npm run bench -- --write            # and keep the table in ${DOCUMENT}
`;

interface Flags {
  json?: true;
  list?: true;
  write?: true;
  runs?: number;
}

async function main(names: string[], flags: Flags): Promise<void> {
  if (flags.list) return console.log(listing());
  const unknown = names.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    throw new UserError(`There is no benchmark called ${unknown.join(', ')}.`, {
      hint: `Benchmarks: ${NAMES.join(', ')}.`,
    });
  }
  await ensureDebianPackages();
  const conditions = await conditionsNow();
  const figures: Figure[] = [];
  const report = async (...measured: Figure[]) => {
    figures.push(...measured);
    if (flags.json) for (const figure of measured) console.log(jsonLine(figure));
    if (flags.write) await keep(measured, conditions);
  };
  for (const bench of BENCHES) {
    const own = Object.keys(bench.figures);
    const wanted = new Set(names.length === 0 ? own : own.filter((name) => names.includes(name)));
    if (wanted.size === 0) continue;
    const say = (line: string) => console.error(`bench: ${line}`);
    await bench.run({ wanted, say, report, runs: flags.runs ?? bench.runs });
  }
  if (!flags.json) console.log(textTable(figures));
}

function listing(): string {
  const entries = BENCHES.flatMap((bench) => Object.entries(bench.figures));
  return entries.map(([name, about]) => `${name.padEnd(20)}${about}`).join('\n');
}

async function conditionsNow(): Promise<Conditions> {
  const { stdout: commit } = await run(['git', 'rev-parse', '--short', 'HEAD']);
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit.trim(),
    processors: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
    load: loadavg()[0] ?? 0,
  };
}

async function keep(measured: readonly Figure[], conditions: Conditions): Promise<void> {
  const old = await readFile(DOCUMENT, 'utf8').catch(() => '');
  await writeFileDurably(DOCUMENT, updateDocument(old, measured, conditions, NAMES));
}

function positive(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError('It is a number from 1 to 99.');
  return Number(text);
}

const command = new Command('npm run bench --')
  .description('Measures FlexDeploy beside what one would use otherwise. Figures are medians.')
  .argument('[name...]', 'what to measure (--list shows what there is); everything unless told')
  .option('--runs <n>', 'how often each side is measured', positive)
  .option('--json', 'one JSON object a figure and line')
  .option('--list', 'show what can be measured')
  .option('--write', `keep the figures in ${DOCUMENT}`)
  .addHelpText('after', EXAMPLES)
  .showHelpAfterError('(--help shows what there is)')
  .action(main);

try {
  await command.parseAsync();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
