import { spawn } from 'node:child_process';
import { UserError } from './errors.ts';

export interface RunOptions {
  /** Time limit in milliseconds; 60 s unless told. The process gets SIGTERM, and SIGKILL 5 s later. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Written to standard input, which is empty otherwise. */
  input?: string | Uint8Array;
  cwd?: string;
  /** Added to a small fixed environment (PATH, HOME, LC_ALL=C.UTF-8); nothing else is inherited. */
  env?: Record<string, string>;
  /** Exit codes that are not a failure; only 0 unless told. */
  okExitCodes?: readonly number[];
  /** Called with every complete line of standard output or standard error, as it comes. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Replaces each of these values by `***` in error messages. */
  secrets?: readonly string[];
}

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A program that could not be started, failed or took too long. The message holds a command line one can paste. */
export class RunError extends UserError {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(message: string, result: { code: number | null; stdout: string; stderr: string }, cause?: unknown) {
    super(message, { cause });
    this.name = 'RunError';
    this.code = result.code;
    this.stdout = result.stdout;
    this.stderr = result.stderr;
  }
}

/** An argv array as a line that a POSIX shell reads back as the same array. For messages only. */
export function shellLine(argv: readonly string[]): string {
  return argv.map((a) => (/^[\w@%+=:,./-]+$/.test(a) ? a : `'${a.replaceAll("'", `'\\''`)}'`)).join(' ');
}

/**
 * Runs a program to its end: argv array, no shell, a time limit, an AbortSignal. All output is kept in memory.
 * @throws RunError when it cannot be started, exits with a code that is not in `okExitCodes`, or runs out of time
 */
export function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...args] = argv;
  const { timeoutMs = 60_000, okExitCodes = [0] } = options;
  const hide = (text: string) => (options.secrets ?? []).reduce((t, s) => (s ? t.replaceAll(s, '***') : t), text);
  const line = hide(shellLine(argv));
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: baseEnvironment(options.env),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let ended: 'timeout' | 'aborted' | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    const end = (why: 'timeout' | 'aborted') => {
      ended ??= why;
      child.kill('SIGTERM');
      killTimer ??= setTimeout(() => child.kill('SIGKILL'), 5_000);
    };
    const onAbort = () => end('aborted');
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => end('timeout'), timeoutMs);
    const stdout = collect(child.stdout, (l) => options.onLine?.(l, 'stdout'));
    const stderr = collect(child.stderr, (l) => options.onLine?.(l, 'stderr'));
    child.stdin.on('error', () => {}); // EPIPE: the program did not want its input; its exit code tells
    child.stdin.end(options.input ?? '');
    const settle = () => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    child.on('error', (cause: NodeJS.ErrnoException) => {
      settle();
      const why = cause.code === 'ENOENT' ? 'program not found' : cause.message;
      reject(new RunError(`cannot start ${program}: ${why}\n  ${line}`, { code: null, stdout: '', stderr: '' }, cause));
    });
    child.on('close', (code, signal) => {
      settle();
      const result = { code: code ?? -1, stdout: stdout(), stderr: stderr() };
      if (ended === 'aborted') return reject(options.signal?.reason ?? new Error('aborted'));
      if (ended !== 'timeout' && code !== null && okExitCodes.includes(code)) return resolve(result);
      const how =
        ended === 'timeout'
          ? `took longer than ${timeoutMs / 1000} s`
          : signal
            ? `got ${signal}`
            : `exited with ${code}`;
      const tail = hide(result.stderr.trim().split('\n').slice(-15).join('\n'));
      reject(new RunError(`${program} ${how}\n  ${line}${tail && `\n${tail}`}`, { ...result, code }));
    });
  });
}

/** The environment a child process gets: reproducible, and without what the parent happened to have. */
export function baseEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: process.env.HOME ?? '/',
    LC_ALL: 'C.UTF-8',
    ...extra,
  };
}

function collect(stream: NodeJS.ReadableStream, onLine: (line: string) => void): () => string {
  let all = '';
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    all += chunk;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const l of lines) onLine(l);
  });
  stream.on('end', () => {
    if (rest) onLine(rest);
  });
  return () => all;
}
