import { messageOf } from '#common/errors.ts';

export interface Step {
  title: string;
  state: 'running' | 'done' | 'failed';
  /** Seconds it took, or takes so far. */
  seconds: number;
  /** Last word of what is going on inside it. */
  detail?: string;
}

/** Milliseconds between two lines about what goes on inside a step. */
const DETAIL_EVERY_MS = 10_000;

/** Tells each step with its time: to a terminal, as JSON lines to a program, and to the demo's page. */
export class Steps {
  readonly all: Step[] = [];
  readonly #json: boolean;
  readonly #onChange: () => void;

  constructor(options: { json: boolean; onChange: () => void }) {
    this.#json = options.json;
    this.#onChange = options.onChange;
  }

  async run<T>(title: string, work: (detail: (text: string) => void) => Promise<T>): Promise<T> {
    const step: Step = { title, state: 'running', seconds: 0 };
    this.all.push(step);
    const start = performance.now();
    if (!this.#json) console.log(`        ${title} ...`);
    this.#onChange();
    let told = start;
    const finish = (state: 'done' | 'failed') => {
      step.state = state;
      step.seconds = Math.round((performance.now() - start) / 100) / 10;
      delete step.detail;
      const mark = state === 'done' ? `${step.seconds.toFixed(1).padStart(5)} s` : ' failed';
      this.tell(`${mark} ${title}`, { event: 'step', title, state, seconds: step.seconds });
      this.#onChange();
    };
    try {
      const result = await work((text) => {
        step.detail = text;
        this.#onChange();
        if (this.#json || performance.now() - told < DETAIL_EVERY_MS) return;
        told = performance.now();
        console.log(`          ${text.trim()}`);
      });
      finish('done');
      return result;
    } catch (error) {
      step.detail = messageOf(error);
      finish('failed');
      throw error;
    }
  }

  /** A line for people, or the same as JSON. */
  tell(line: string, json: Record<string, unknown>): void {
    console.log(this.#json ? JSON.stringify(json) : line);
  }
}
