import { duration, size } from './output.ts';

const REDRAW_MS = 200;
const BAR_WIDTH = 16;

/** One line with a bar, speed and time left. Pure. */
export function progressLine(what: string, done: number, total: number, elapsedSeconds: number): string {
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(part * BAR_WIDTH);
  const speed = elapsedSeconds > 0 ? done / elapsedSeconds : 0;
  const left = speed > 0 ? duration((total - done) / speed) : '-:--';
  const bar = `${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}`;
  const percent = `${Math.floor(part * 100)}`.padStart(3);
  return `${what} [${bar}] ${percent} %  ${size(done)} of ${size(total)}  ${size(speed)}/s  ${left} left`;
}

/** Draws progress on a terminal; on anything else one line at the end. */
export class Progress {
  readonly #what: string;
  readonly #total: number;
  readonly #out: NodeJS.WriteStream;
  readonly #started = Date.now();
  #drawn = 0;

  /** @param total bytes */
  constructor(what: string, total: number, out: NodeJS.WriteStream = process.stderr) {
    this.#what = what;
    this.#total = total;
    this.#out = out;
  }

  /** @param done bytes so far */
  update(done: number): void {
    const now = Date.now();
    if (!this.#out.isTTY || (now - this.#drawn < REDRAW_MS && done < this.#total)) return;
    this.#drawn = now;
    const line = progressLine(this.#what, done, this.#total, (now - this.#started) / 1000);
    this.#out.write(`\r${line.slice(0, (this.#out.columns || 80) - 1)}\x1b[K`);
  }

  /** Leaves one line that says how it ended. */
  end(how: string): void {
    this.#out.write(`${this.#out.isTTY ? '\r' : ''}${this.#what}: ${how}${this.#out.isTTY ? '\x1b[K' : ''}\n`);
  }

  get seconds(): number {
    return (Date.now() - this.#started) / 1000;
  }
}
