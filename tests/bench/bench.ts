import type { Figure } from './figure.ts';

/** Something to measure. One that gives several figures measures only the wanted ones, on the same machines. */
export interface Bench {
  /** Name of a figure -> one line for `--list`. */
  figures: Readonly<Record<string, string>>;
  /** How often each side is measured unless `--runs` tells. */
  runs: number;
  run: (options: BenchOptions) => Promise<void>;
}

export interface BenchOptions {
  wanted: ReadonlySet<string>;
  runs: number;
  /** Takes the figures as they come: an hour of measuring is not lost to what fails later. */
  report: (...figures: Figure[]) => Promise<void>;
  /** Tells what goes on, line by line. */
  say: (line: string) => void;
}

/** Seconds that some work takes. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
