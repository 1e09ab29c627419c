import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Cleanup } from '#common/cleanup.ts';
import { messageOf } from '#common/errors.ts';
import { type Accelerator, findAccelerator } from './accelerator.ts';
import type { MachineOptions } from './command-line.ts';
import { EMULATOR_FAULT, EMULATOR_FAULT_EXIT, keepProcessors, watchForEmulatorFault } from './emulator-fault.ts';
import { Machine } from './machine.ts';
import { putReceiveBuffersBack, widenReceiveBuffers } from './network.ts';

/** On disk also where /tmp is memory, and short enough for the path of a UNIX socket (107 bytes). */
const RUN_PARENT = '/var/tmp';
const RUN_PREFIX = 'flexdeploy-lab-';

const open = new Set<Lab>();

/**
 * A set of machines with a folder for their files, that is gone afterwards, and a folder for what they leave to look
 * at: screenshots and serial logs in `out/lab/NAME/`. Nothing outlives it: not after an error, Ctrl-C or a crash.
 */
export class Lab {
  /** Screenshots and serial logs. */
  readonly results: string;
  /** Sockets and disks; removed in the end. */
  readonly folder: string;
  readonly cleanup = new Cleanup();
  readonly accelerator: Accelerator;
  /**
   * Where a machine may fail at any moment anyway: starts it anew after the emulator's own fault, told in a sentence. Without
   * it such a fault ends the lab.
   */
  beginAnew: ((machine: Machine, sentence: string) => Promise<void>) | undefined;
  readonly #machines: Machine[] = [];

  private constructor(results: string, folder: string, accelerator: Accelerator) {
    this.results = results;
    this.folder = folder;
    this.accelerator = accelerator;
  }

  /**
   * @param name folder below `out/lab/`, emptied first
   * @param options `kernel`: a stock kernel for the accelerator's probe; `results`: a folder instead of `out/lab/NAME`
   */
  static async open(name: string, options: { kernel: string; results?: string }): Promise<Lab> {
    const results = resolve(options.results ?? join('out', 'lab', name));
    await rm(results, { recursive: true, force: true });
    await mkdir(results, { recursive: true });
    await sweep();
    const accelerator = await findAccelerator(options.kernel);
    const folder = await mkdtemp(join(RUN_PARENT, `${RUN_PREFIX}${process.pid}-`));
    const lab = new Lab(results, folder, accelerator);
    lab.cleanup.add('removing the lab folder', async () => removeTraces(folder));
    widenReceiveBuffers(folder);
    if (open.size === 0) watchSignals();
    open.add(lab);
    if (accelerator === 'tcg') {
      const watching = new AbortController();
      lab.cleanup.add('watching the emulator', async () => watching.abort());
      void watchForEmulatorFault(lab, watching.signal, (...fault) => lab.#onEmulatorFault(...fault));
    }
    return lab;
  }

  get machines(): readonly Machine[] {
    return this.#machines;
  }

  /** A machine of this lab, switched off. Names are unique in a lab. */
  async machine(name: string, options: MachineOptions): Promise<Machine> {
    if (this.#machines.some((m) => m.name === name)) throw new Error(`there is a machine ${name} already`);
    const machine = await Machine.prepare(this, name, options);
    this.#machines.push(machine);
    this.cleanup.add(`switching ${name} off`, () => machine.powerCut());
    return machine;
  }

  /** Runs `work`; if it fails, the screen of every running machine is kept, and what its processors are at. */
  async keepingEvidence<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.#keepEvidence();
      throw error;
    }
  }

  async #keepEvidence(): Promise<void> {
    for (const machine of this.#machines.filter(({ running }) => running)) {
      await machine.screenshot(`${machine.name}-failure`).catch(() => {});
      await keepProcessors(machine).catch(() => {});
    }
  }

  /** What the machine does from here on tells nothing: begins anew, or says that it can be tried again. */
  async #onEmulatorFault(machine: Machine, sentence: string): Promise<boolean> {
    if (closing) return false;
    if (this.beginAnew) {
      await this.beginAnew(machine, sentence);
      return true;
    }
    console.log(`${EMULATOR_FAULT}: ${sentence}`);
    console.error(
      'From here on the emulated machines tell nothing about FlexDeploy (docs/decisions.md). Run this again.',
    );
    await this.#keepEvidence();
    await closeAllAndExit(EMULATOR_FAULT_EXIT);
    return false;
  }

  /** Switches every machine off and removes their files. Results stay. */
  async close(): Promise<void> {
    await this.cleanup.run();
    open.delete(this);
    if (open.size === 0) unwatchSignals();
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let closing = false;

/** Ctrl-C and the like: end as the signal would have. */
async function onSignal(signal: NodeJS.Signals): Promise<void> {
  await closeAllAndExit(signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 129);
}

/** Takes everything down in order, once. */
async function closeAllAndExit(code: number): Promise<void> {
  if (closing) return;
  closing = true;
  for (const lab of [...open]) await lab.close().catch((error) => console.error(messageOf(error)));
  process.exit(code);
}

/** We end without having closed (an exception nobody caught): the machines die with us, their files must go too. */
function onExit(): void {
  for (const lab of open) removeTraces(lab.folder);
}

function watchSignals(): void {
  process.on('exit', onExit);
  for (const signal of signals) process.on(signal, onSignal);
}

function unwatchSignals(): void {
  process.off('exit', onExit);
  for (const signal of signals) process.off(signal, onSignal);
}

/** Removes what labs left that were killed and could not clean up (their machines died with them). */
async function sweep(): Promise<void> {
  for (const name of await readdir(RUN_PARENT)) {
    const pid = name.startsWith(RUN_PREFIX) ? name.slice(RUN_PREFIX.length).split('-')[0] : undefined;
    if (!pid) continue;
    const alive = await stat(`/proc/${pid}`).catch(() => undefined);
    if (alive) continue;
    const folder = join(RUN_PARENT, name);
    try {
      removeTraces(folder);
    } catch {
      // somebody else's
    }
  }
}

/** What a lab leaves on this machine beside its results, however it ended. Synchronous, so that an exit can wait for it. */
function removeTraces(folder: string): void {
  putReceiveBuffersBack(folder);
  rmSync(folder, { recursive: true, force: true });
}
