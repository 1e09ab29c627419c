import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { UserError } from './errors.ts';
import { baseEnvironment, shellLine } from './run.ts';

export interface ProcessOptions {
  /** File that gets standard output and standard error; written anew. */
  logFile: string;
  cwd?: string;
  /** Added to the small fixed environment of {@link baseEnvironment}. */
  env?: Record<string, string>;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A program that runs beside us until it ends or is stopped. For programs that run to their end use `run`. */
export class LongProcess {
  readonly pid: number;
  /** Settles when the program has ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** How it ended, once it has. */
  exit: Exit | undefined;
  readonly #line: string;
  readonly #logFile: string;

  constructor(pid: number, exited: Promise<Exit>, line: string, logFile: string) {
    this.pid = pid;
    this.#line = line;
    this.#logFile = logFile;
    this.exited = exited.then((exit) => {
      this.exit = exit;
      return exit;
    });
  }

  get running(): boolean {
    return this.exit === undefined;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.running) process.kill(this.pid, signal);
  }

  /** Asks the program to end, and ends it by force after `graceMs`. */
  async stop(graceMs = 5_000): Promise<Exit> {
    this.kill('SIGTERM');
    const force = setTimeout(() => this.kill('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(force);
    return exit;
  }

  /** Why the program is not running any more: how it ended, its last words, and its command line. */
  async failure(): Promise<UserError> {
    const program = this.#line.split(' ', 1)[0];
    const how = this.exit?.signal ? `got ${this.exit.signal}` : `exited with ${this.exit?.code}`;
    const words = (await readFile(this.#logFile, 'utf8').catch(() => '')).trim().split('\n').slice(-15).join('\n');
    return new UserError(`${program} ${how}${words && `: ${words}`}\n  ${this.#line}`);
  }
}

/**
 * Starts a program that is to run beside us. It dies with us (SIGKILL), even if we crash: util-linux's setpriv sets
 * PR_SET_PDEATHSIG, see prctl(2).
 * @throws UserError when it cannot be started
 */
export async function startProcess(
  argv: readonly [string, ...string[]],
  options: ProcessOptions,
): Promise<LongProcess> {
  const log = await open(options.logFile, 'w');
  try {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...argv], {
      cwd: options.cwd,
      env: baseEnvironment(options.env),
      stdio: ['ignore', log.fd, log.fd],
      detached: true, // Ctrl-C goes to us alone: we stop our programs in order
    });
    const exited = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(new UserError(`cannot start ${argv[0]}: ${cause.message}\n  ${shellLine(argv)}`, { cause })),
      );
    });
    if (child.pid === undefined) throw new UserError(`cannot start ${argv[0]}`);
    return new LongProcess(child.pid, exited, shellLine(argv), options.logFile);
  } finally {
    await log.close();
  }
}

/**
 * Runs a program that tells something, line by line, until it ends or the signal ends it; keeps nothing of it. It ends
 * with us at its next word, since nobody reads it any more.
 * @throws UserError when it cannot be started
 */
export async function followLines(
  argv: readonly [string, ...string[]],
  { signal, onLine }: { signal: AbortSignal; onLine: (line: string) => void },
): Promise<Exit> {
  const [program, ...args] = argv;
  const child = spawn(program, args, { env: baseEnvironment(), stdio: ['ignore', 'pipe', 'ignore'] });
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  createInterface({ input: child.stdout }).on('line', onLine);
  try {
    return await new Promise<Exit>((resolve, reject) => {
      child.once('close', (code, how) => resolve({ code, signal: how }));
      child.once('error', (cause) =>
        reject(new UserError(`cannot start ${program}: ${cause.message}\n  ${shellLine(argv)}`, { cause })),
      );
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Runs a program that has the terminal to itself (it may ask for a password), with our own environment.
 * @returns its exit code; 1 when it could not be started or got a signal
 */
export function runInTerminal(argv: readonly [string, ...string[]]): Promise<number> {
  const [program, ...args] = argv;
  const child = spawn(program, args, { stdio: 'inherit' });
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code ?? 1));
    child.once('error', () => resolve(1));
  });
}
