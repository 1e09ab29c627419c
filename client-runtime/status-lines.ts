/**
 * Short lines `flexdeploy: WHAT SECONDS` on the serial console, for whoever watches PCs by it (and for tests and
 * benchmarks). SECONDS: since the kernel started, with two decimals. Nobody types there, and nothing secret is written.
 */
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';

export type Milestone = 'network-ready' | 'login-ready' | 'first-frame';

export class StatusLines {
  readonly #devices: readonly string[];
  readonly #told = new Set<Milestone>();

  constructor(devices: readonly string[] = ['/dev/ttyS0', '/dev/console']) {
    this.#devices = devices;
  }

  /** Tells a milestone the first time it is reached; `first-frame` every time. */
  async reached(milestone: Milestone): Promise<void> {
    if (milestone !== 'first-frame' && this.#told.has(milestone)) return;
    this.#told.add(milestone);
    const [seconds = '0'] = (await readFile('/proc/uptime', 'utf8').catch(() => '0')).split(' ');
    await this.#write(`flexdeploy: ${milestone} ${seconds}\r\n`);
  }

  /** On the first device that takes it: a serial port that is not there is a file that gives EIO. */
  async #write(line: string): Promise<void> {
    for (const device of this.#devices) {
      try {
        const file = await open(device, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
        try {
          await file.write(line);
          return;
        } finally {
          await file.close();
        }
      } catch {
        // the next one
      }
    }
  }
}
