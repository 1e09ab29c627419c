/** `npm run bench [-- NAME ...]`: measures FlexDeploy beside what one would use otherwise. */
import { cpus } from 'node:os';
import { Command } from 'commander';
import { describeError, UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { run } from '#common/run.ts';
import { ensureDebianPackages } from '../../builder/debian-packages.ts';
import { boot } from './boot.ts';
import { builds } from './builds.ts';
import { type Figure, jsonLine, markdownTable, textTable } from './figure.ts';
import { size } from './size.ts';

export interface Bench {
  name: string;
  about: string;
  run: (say: (line: string) => void) => Promise<Figure[]>;
}

const BENCHES: readonly Bench[] = [size, builds, boot];
const DOCUMENT = 'docs/benchmarks.md';

async function main(names: string[], flags: { json?: true; write?: true }): Promise<void> {
  const unknown = names.filter((name) => !BENCHES.some((b) => b.name === name));
  if (unknown.length > 0) {
    throw new UserError(`There is no benchmark called ${unknown.join(', ')}.`, {
      hint: `Benchmarks: ${BENCHES.map((b) => b.name).join(', ')}.`,
    });
  }
  await ensureDebianPackages();
  const figures: Figure[] = [];
  for (const bench of BENCHES.filter((b) => names.length === 0 || names.includes(b.name))) {
    const say = (line: string) => console.error(`${bench.name}: ${line}`);
    const measured = await bench.run(say);
    figures.push(...measured);
    if (flags.json) for (const figure of measured) console.log(jsonLine(figure));
  }
  if (!flags.json) console.log(textTable(figures));
  if (flags.write) await writeFileDurably(DOCUMENT, await document(figures));
}

async function document(figures: readonly Figure[]): Promise<string> {
  const { stdout: commit } = await run(['git', 'rev-parse', '--short', 'HEAD']);
  const where = `${cpus().length} CPUs (${cpus()[0]?.model.trim()})`;
  return `# Benchmarks

The last run of \`npm run bench -- --write\`: ${new Date().toISOString().slice(0, 10)}, commit ${commit.trim()}, on ${where}.
Machines are virtual, and where the processor's virtualisation does not work their instructions are translated: compare
the two columns, not the seconds with those of a real PC.

${markdownTable(figures)}

What is compared with what is said at the top of each file in \`tests/bench/\`.
`;
}

const command = new Command('npm run bench --')
  .description('Measures FlexDeploy beside what one would use otherwise.')
  .argument('[name...]', BENCHES.map((b) => `${b.name}: ${b.about}`).join('; '))
  .option('--json', 'one JSON object a figure and line')
  .option('--write', `keep the table in ${DOCUMENT}`)
  .showHelpAfterError('(--help shows what there is)')
  .action(main);

try {
  await command.parseAsync();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
