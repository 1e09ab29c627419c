/**
 * `npm test`: every check of the project, and one line at the end that tells the truth.
 * `npm run test:unit` and its sisters name suites: static, unit, browser, lab.
 */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { Parser, type Result } from 'tap-parser';
import { describeError, messageOf, UserError } from '#common/errors.ts';
import { baseEnvironment, RunError, run } from '#common/run.ts';
import { ensureDebianPackages } from '../builder/debian-packages.ts';
import { EMULATOR_FAULT } from './lab/emulator-fault.ts';
import { ensureImages, IMAGE_NAMES } from './lab/images.ts';
import { UNPROVEN, UNPROVEN_FILES } from './unproven.ts';

const OUTCOMES = ['passed', 'failed', 'skipped'] as const;
type Tally = Record<(typeof OUTCOMES)[number], number>;

interface Suite {
  about: string;
  /** Debian packages are only asked for where a suite uses them. */
  needsDebianPackages: boolean;
  run: (only: string | undefined) => Promise<Tally>;
}

const suites: Record<string, Suite> = {
  static: { about: 'types, lint, format, dead code', needsDebianPackages: false, run: staticChecks },
  unit: {
    about: 'nothing boots, no browser',
    needsDebianPackages: false,
    run: (only) => tapFiles('tests/unit', { jobs: 2, limitMs: 10 * 60_000, only }),
  },
  browser: {
    about: 'the pages in Chromium',
    needsDebianPackages: true,
    run: (only) => tapFiles('tests/browser', { jobs: 1, limitMs: 10 * 60_000, only }),
  },
  lab: {
    about: 'virtual machines: server, PCs, real boot media',
    needsDebianPackages: true,
    run: labFiles,
  },
};

/** Milliseconds that the lab may take in all, so that everything together stays below 90 minutes. */
const LAB_MS = 78 * 60_000;
/** Of these, what is kept free for a machine that has become slower in the meantime. */
const LAB_RESERVE_MS = 7 * 60_000;

/** Caches and the CI mark are all that a test inherits from the caller's environment. */
const environment = baseEnvironment(
  Object.fromEntries(['XDG_CACHE_HOME', 'CI', 'TERM'].flatMap((k) => (process.env[k] ? [[k, process.env[k]]] : []))),
);

async function staticChecks(): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  const checks: [string, [string, ...string[]]][] = [
    ['types are right (tsc)', ['node_modules/.bin/tsc', '-p', '.']],
    ['lint and format are clean (biome)', ['node_modules/.bin/biome', 'ci', '.']],
    ['no dead code, no unused dependency (knip)', ['node_modules/.bin/knip', '--no-progress']],
  ];
  for (const [sentence, argv] of checks) {
    const started = Date.now();
    try {
      await run(argv, { timeoutMs: 5 * 60_000, env: environment });
      report('passed', sentence, Date.now() - started);
      tally.passed++;
    } catch (error) {
      report('failed', sentence, Date.now() - started);
      // These tools write what they found to standard output.
      console.log(error instanceof RunError ? `${messageOf(error)}\n${error.stdout}` : messageOf(error));
      tally.failed++;
    }
  }
  return tally;
}

function testFiles(folder: string, only: string | undefined): string[] {
  return globSync(`${folder}/**/*.test.ts`)
    .sort()
    .filter((f) => !only || f.includes(only));
}

/** Runs every `*.test.ts` below a folder with tap; each `t.test` at the top of a file counts as one. */
async function tapFiles(
  folder: string,
  options: { jobs: number; limitMs: number; only: string | undefined },
): Promise<Tally> {
  const files = testFiles(folder, options.only);
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  const parser = new Parser();
  parser.on('child', (file: Parser) => {
    countTests(file, tally);
  });
  let before = 0;
  parser.on('assert', (result: Result) => {
    if (!result.ok) console.log(`  FAILED file: ${result.name}${result.diag ? ` ${JSON.stringify(result.diag)}` : ''}`);
    if (!result.ok && tally.failed + tally.skipped === before) tally.failed++; // it failed before its first test
    before = tally.failed + tally.skipped;
  });
  const argv: [string, ...string[]] = ['node_modules/.bin/tap', 'run', '--reporter=tap', `--jobs=${options.jobs}`];
  try {
    await run([...argv, '--timeout=0', ...files], {
      timeoutMs: options.limitMs,
      env: environment,
      okExitCodes: [0, 1],
      onLine: (line, stream) => (stream === 'stdout' ? parser.write(`${line}\n`) : console.log(line)),
    });
  } catch (error) {
    console.log(messageOf(error));
    tally.failed++;
  }
  parser.end();
  return tally;
}

/**
 * Runs the lab's files one after another, each in a process of its own, which takes its machines with it when it ends.
 * (Two at a time make each other so slow on two processors that nothing is gained.) What is proven comes first. What is
 * not only gets the time that is left, and is cut off then: it counts as skipped.
 */
async function labFiles(only: string | undefined): Promise<Tally> {
  const started = Date.now();
  const left = () => LAB_MS - (Date.now() - started);
  const isUnproven = (file: string) => UNPROVEN_FILES.has(basename(file));
  const files = testFiles('tests/lab', only);
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  if (files.length > 1) await ensureImages(IMAGE_NAMES, (line) => console.log(`    ${line}`));
  for (const file of [...files.filter((f) => !isUnproven(f)), ...files.filter(isUnproven)]) {
    if (isUnproven(file) && left() < LAB_RESERVE_MS) {
      report('skipped', `${file}: not run, since the lab has used up its time`);
      tally.skipped++;
    } else await labFile(file, left() - (isUnproven(file) ? LAB_RESERVE_MS : 0), tally);
  }
  return tally;
}

/** Runs a file of the lab, and once more where the emulator has failed and not the product; the last time counts. */
async function labFile(file: string, limitMs: number, tally: Tally): Promise<void> {
  const started = Date.now();
  let tried = await tryLabFile(file, limitMs);
  if (tried.emulatorFault) {
    console.log(`  ${file} is run again: what it said above does not count`);
    tried = await tryLabFile(file, limitMs - (Date.now() - started));
  }
  if (tried.emulatorFault) {
    const outcome = UNPROVEN_FILES.has(basename(file)) ? 'skipped' : 'failed';
    report(outcome, `${file}: the emulator has failed twice`);
    tried.tally[outcome]++;
  }
  for (const outcome of OUTCOMES) tally[outcome] += tried.tally[outcome];
}

async function tryLabFile(file: string, limitMs: number): Promise<{ tally: Tally; emulatorFault: boolean }> {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  let emulatorFault = false;
  const parser = new Parser();
  const test = countTests(parser, tally);
  const late = AbortSignal.timeout(Math.max(limitMs, 1));
  late.addEventListener('abort', () => {
    test.cutOff = true; // what a test says while it is being ended is no result
  });
  const argv: [string, ...string[]] = [process.execPath, '--enable-source-maps', file];
  try {
    const { code } = await run(argv, {
      timeoutMs: 2 * LAB_MS,
      signal: late,
      env: environment,
      okExitCodes: [0, 1],
      onLine: (line, stream) => {
        if (line.startsWith(EMULATOR_FAULT)) emulatorFault = test.cutOff = true;
        if (stream === 'stdout' && !emulatorFault) parser.write(`${line}\n`);
        else console.log(`  ${line}`);
      },
    });
    if (code !== 0 && !emulatorFault && tally.failed + tally.skipped === 0) {
      report('failed', `${file}: it ended before its first test`);
      tally.failed++;
    }
  } catch (error) {
    test.cutOff = true;
    if (!emulatorFault) {
      const outcome = late.aborted && UNPROVEN_FILES.has(basename(file)) ? 'skipped' : 'failed';
      const why = late.aborted ? `cut off after ${(limitMs / 1000).toFixed(0)} s` : messageOf(error).split('\n')[0];
      report(outcome, `${file}: ${why}`);
      tally[outcome]++;
    }
  }
  parser.end();
  return { tally, emulatorFault };
}

/** Counts the tests at the top of a file. A file that breaks off without a failing test of its own fails itself. */
function countTests(file: Parser, tally: Tally): { cutOff: boolean } {
  const test = { cutOff: false };
  let failedInside = 0;
  file.on('assert', (result: Result) => {
    if (test.cutOff) return;
    const outcome = outcomeOf(result);
    report(outcome, result.name, result.time ?? undefined);
    tally[outcome]++;
    if (!result.ok) failedInside++;
  });
  file.on('child', explainFailures);
  file.on('extra', (text: string) => {
    if (!text.startsWith('#')) process.stdout.write(`      ${text}`);
  });
  file.on('complete', (results) => {
    if (results.ok || failedInside > 0 || test.cutOff) return;
    console.log('  FAILED file: it ended before its tests did');
    tally.failed++;
  });
  return test;
}

/** A test that is skipped, or fails and is known to be unproven, is neither passed nor failed. */
function outcomeOf(result: Result): keyof Tally {
  if (result.skip || (!result.ok && UNPROVEN.has(result.name))) return 'skipped';
  return result.ok || result.todo ? 'passed' : 'failed';
}

/** Prints what failed inside a test, at whatever depth: sentence, difference, place. */
function explainFailures(test: Parser): void {
  test.on('child', explainFailures);
  test.on('assert', (result: Result) => {
    if (result.ok || result.todo) return;
    const { source: _, ...rest } = (result.diag ?? {}) as Record<string, unknown>;
    console.log(`      not so: ${result.name}\n${JSON.stringify(rest, null, 2).replace(/^/gm, '        ')}`);
  });
}

function report(outcome: keyof Tally, sentence: string, ms?: number): void {
  const mark = { passed: '✓', failed: '✗ FAILED', skipped: '- NOT YET' }[outcome];
  console.log(`  ${mark} ${sentence}${ms === undefined ? '' : ` (${(ms / 1000).toFixed(1)} s)`}`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    console.log('Usage: npm test [-- SUITE ...] [--only PART-OF-A-FILE-NAME]\n');
    for (const [name, suite] of Object.entries(suites)) console.log(`  ${name.padEnd(8)} ${suite.about}`);
    return 0;
  }
  const chosen = positionals.length > 0 ? positionals : Object.keys(suites);
  const unknown = chosen.filter((name) => !(name in suites));
  if (unknown.length > 0) {
    throw new UserError(`There is no suite called ${unknown.join(', ')}.`, {
      hint: `Suites: ${Object.keys(suites).join(', ')}.`,
    });
  }
  if (chosen.some((name) => suites[name]?.needsDebianPackages)) await ensureDebianPackages();
  await run(['node_modules/.bin/tap', 'build'], { timeoutMs: 5 * 60_000, env: environment });
  const total: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const name of chosen) {
    const suite = suites[name];
    if (!suite) continue;
    const started = Date.now();
    console.log(`\n${name}: ${suite.about}`);
    const tally = await suite.run(values.only);
    console.log(`  ${name} took ${((Date.now() - started) / 1000).toFixed(0)} s`);
    for (const outcome of OUTCOMES) total[outcome] += tally[outcome];
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(describeError(error));
  console.log('\n0 passed, 1 failed');
  process.exitCode = 1;
}
