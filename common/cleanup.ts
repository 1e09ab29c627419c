import { messageOf } from './errors.ts';

type Undo = () => void | Promise<void>;

/**
 * An undo stack: what was set up is taken down in the opposite order, once, whatever happens in between.
 * Every entry runs even if another one fails; the failures come together as one AggregateError.
 */
export class Cleanup {
  #entries: { what: string; undo: Undo }[] = [];

  /** Remembers how to undo `what` (a few words, used in the error if undoing fails). */
  add(what: string, undo: Undo): void {
    this.#entries.push({ what, undo });
  }

  /** Keeps everything that was set up: nothing is undone any more. */
  disarm(): void {
    this.#entries = [];
  }

  /** Undoes everything, last in first out. */
  async run(): Promise<void> {
    const failures: Error[] = [];
    for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
      try {
        await entry.undo();
      } catch (cause) {
        failures.push(new Error(`${entry.what}: ${messageOf(cause)}`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map((f) => f.message).join('; '));
  }
}
