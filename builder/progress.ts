/** How a build tells what it is doing: a live line on a terminal, plain lines elsewhere, JSON lines for scripts. */

export interface StepReport {
  /** A few words about where the step is; replaces the words before. */
  detail(text: string): void;
  /** The result was there already. */
  cached(): void;
}

export interface Progress {
  /** Does one step; `sentence` says what, for people. A step may hold other steps. */
  step<T>(sentence: string, work: (report: StepReport) => Promise<T>): Promise<T>;
  /** Something worth knowing that is not a step. */
  note(text: string): void;
}

export type ProgressStyle = 'live' | 'plain' | 'json';

/** JSON lines go to standard output; everything for people goes to standard error. */
export function createProgress(style: ProgressStyle, out = process.stdout, err = process.stderr): Progress {
  switch (style) {
    case 'live':
      return new LiveProgress(err);
    case 'plain':
      return new LineProgress((e) => {
        if (e.event === 'start') return;
        const mark = e.event === 'failed' ? 'failed ' : '';
        if (e.event === 'note') err.write(`${e.text}\n`);
        else err.write(`${formatSeconds(e.ms)}  ${mark}${e.step}${e.cached ? ' (cached)' : ''}\n`);
      });
    case 'json':
      return new LineProgress((e) => out.write(`${JSON.stringify(e)}\n`));
    default:
      return style satisfies never;
  }
}

/** `   3.2 s`, right-aligned to 8 characters. */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`.padStart(8);
}

type ProgressEvent =
  | { event: 'start'; step: string }
  | { event: 'done' | 'failed'; step: string; ms: number; cached: boolean }
  | { event: 'note'; text: string };

class LineProgress implements Progress {
  readonly #emit: (event: ProgressEvent) => void;
  constructor(emit: (event: ProgressEvent) => void) {
    this.#emit = emit;
  }

  note(text: string): void {
    this.#emit({ event: 'note', text });
  }

  async step<T>(sentence: string, work: (report: StepReport) => Promise<T>): Promise<T> {
    const start = performance.now();
    let cached = false;
    this.#emit({ event: 'start', step: sentence });
    const end = (event: 'done' | 'failed') =>
      this.#emit({ event, step: sentence, ms: Math.round(performance.now() - start), cached });
    try {
      const result = await work({
        detail: () => {},
        cached: () => {
          cached = true;
        },
      });
      end('done');
      return result;
    } catch (error) {
      end('failed');
      throw error;
    }
  }
}

interface LiveStep {
  sentence: string;
  start: number;
  detail: string;
  cached: boolean;
}

/** Finished steps scroll up with their times; the running one is redrawn on the last line. */
class LiveProgress implements Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #running: LiveStep[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  note(text: string): void {
    this.#out.write(`\r\x1b[K${text}\n`);
    this.#draw();
  }

  async step<T>(sentence: string, work: (report: StepReport) => Promise<T>): Promise<T> {
    const step: LiveStep = { sentence, start: performance.now(), detail: '', cached: false };
    this.#running.push(step);
    this.#timer ??= setInterval(() => this.#draw(), 200);
    this.#draw();
    try {
      const result = await work({
        detail: (text) => {
          step.detail = text;
        },
        cached: () => {
          step.cached = true;
        },
      });
      this.#finish(step, '\x1b[32m✓\x1b[0m');
      return result;
    } catch (error) {
      this.#finish(step, '\x1b[31m✗\x1b[0m');
      throw error;
    }
  }

  #finish(step: LiveStep, mark: string): void {
    this.#running.splice(this.#running.indexOf(step), 1);
    const time = formatSeconds(performance.now() - step.start);
    this.#out.write(`\r\x1b[K${mark} ${time}  ${step.sentence}${step.cached ? ' (cached)' : ''}\n`);
    if (this.#running.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else this.#draw();
  }

  #draw(): void {
    const step = this.#running.at(-1);
    if (!step) return;
    const text = `· ${formatSeconds(performance.now() - step.start)}  ${step.sentence}${step.detail && `: ${step.detail}`}`;
    this.#out.write(`\r\x1b[K${text.slice(0, Math.max(20, this.#out.columns - 1))}`);
  }
}
