/**
 * One QMP connection: greeting, capabilities, commands answered by id, events to listeners. QEMU serves one client a
 * socket at a time; it goes on undisturbed when we leave, and takes the next one.
 */
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, UserError } from '#common/errors.ts';
import { encodeCommand, type QmpEvent, type WireMessage, WireParser } from './wire.ts';

/**
 * How long an answer may take, in milliseconds. Most commands only set something; these wait for the disk, or are asked
 * while QEMU does.
 */
const TIME_LIMITS: Record<string, number> = {
  cont: 60_000,
  migrate: 60_000,
  'query-migrate': 60_000,
  'query-status': 60_000,
  stop: 60_000,
};
const USUAL_TIME_LIMIT = 10_000;

/** QEMU answered a command with an error. */
export class QmpError extends UserError {
  readonly class: string;
  constructor(command: string, errorClass: string, description: string) {
    super(`QEMU refused ${command}: ${description}`);
    this.name = 'QmpError';
    this.class = errorClass;
  }
}

/** The connection ended (QEMU is gone, or never answered) before a command was answered. */
export class QmpClosedError extends UserError {
  constructor(why: string) {
    super(`the connection to QEMU ended: ${why}`);
    this.name = 'QmpClosedError';
  }
}

interface Waiting {
  command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

export class QmpConnection {
  /** QEMU's version, `10.0.8`. */
  readonly version: string;
  /** Resolves with the reason when the connection has ended, from whichever side. */
  readonly closed: Promise<string>;
  #socket: Socket;
  #parser: WireParser;
  #nextId = 1;
  #waiting = new Map<number, Waiting>();
  #listeners = new Set<(event: QmpEvent) => void | Promise<void>>();
  #early: QmpEvent[] = [];
  #ended: string | undefined;
  #resolveClosed: (why: string) => void;

  private constructor(socket: Socket, parser: WireParser, version: string) {
    this.version = version;
    this.#socket = socket;
    this.#parser = parser;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    socket.on('data', (chunk: Buffer) => {
      for (const message of this.#parser.push(chunk)) this.#take(message);
    });
    socket.on('close', () => this.#end('QEMU closed it'));
    socket.on('error', (error) => this.#end(error.message));
  }

  /**
   * Connects to a QMP socket and negotiates. Tries again until `timeoutMs` is over: the socket of a QEMU that is just
   * starting does not exist yet, and one that lost its client needs a moment to listen again.
   */
  static async connect(path: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<QmpConnection> {
    const deadline = Date.now() + options.timeoutMs;
    for (;;) {
      options.signal?.throwIfAborted();
      try {
        return await QmpConnection.#connectOnce(path, Math.max(100, deadline - Date.now()));
      } catch (error) {
        if (Date.now() + 50 > deadline) {
          throw new QmpClosedError(`no QEMU at ${path} after ${options.timeoutMs / 1000} s: ${messageOf(error)}`);
        }
        await sleep(50, undefined, options.signal ? { signal: options.signal } : {});
      }
    }
  }

  static async #connectOnce(path: string, timeoutMs: number): Promise<QmpConnection> {
    const socket = createConnection(path);
    const parser = new WireParser();
    try {
      const version = await greeting(socket, parser, timeoutMs);
      const connection = new QmpConnection(socket, parser, version);
      await connection.execute('qmp_capabilities');
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /**
   * Sends a command and waits for its answer.
   * @throws QmpError when QEMU refuses, QmpClosedError when the connection ends or nothing comes in time
   */
  execute(command: string, args?: Record<string, unknown>): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(new QmpClosedError(this.#ended));
    const id = this.#nextId++;
    const limit = TIME_LIMITS[command] ?? USUAL_TIME_LIMIT;
    return new Promise((resolve, reject) => {
      // An answer that comes later would be taken for nobody's; a QEMU that hangs is not worth talking to anyway.
      const timer = setTimeout(() => this.#end(`no answer to ${command} within ${limit / 1000} s`), limit);
      this.#waiting.set(id, { command, resolve, reject, timer });
      this.#socket.write(encodeCommand(id, command, args));
    });
  }

  /**
   * `listener` gets every event from now on, in order, not waiting for one another. The first listener also gets what
   * came before it. Returns: stop listening.
   */
  onEvent(listener: (event: QmpEvent) => void | Promise<void>): () => void {
    this.#listeners.add(listener);
    for (const event of this.#early.splice(0)) void this.#tell(listener, event);
    return () => this.#listeners.delete(listener);
  }

  /** Leaves; QEMU goes on. */
  close(): void {
    this.#end('closed by us');
  }

  #take(message: WireMessage): void {
    switch (message.kind) {
      case 'event':
        if (this.#listeners.size === 0) this.#early.push(message.event);
        for (const listener of this.#listeners) void this.#tell(listener, message.event);
        return;
      case 'return':
        this.#settle(message.id)?.resolve(message.value);
        return;
      case 'error': {
        const waiting = this.#settle(message.id);
        waiting?.reject(new QmpError(waiting.command, message.class, message.description));
        return;
      }
      case 'greeting':
        this.#end('a second greeting');
        return;
      case 'malformed':
        this.#end(message.why);
        return;
      default:
        message satisfies never;
    }
  }

  #settle(id: number | undefined): Waiting | undefined {
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (waiting === undefined || id === undefined) return undefined;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    return waiting;
  }

  async #tell(listener: (event: QmpEvent) => void | Promise<void>, event: QmpEvent): Promise<void> {
    try {
      await listener(event);
    } catch (error) {
      // QEMU going away while a listener talks to it is told by `closed`; anything else is a bug.
      if (!(error instanceof QmpClosedError)) throw error;
    }
  }

  #end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#socket.destroy();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new QmpClosedError(why));
    }
    this.#waiting.clear();
    this.#resolveClosed(why);
  }
}

/** Waits for the greeting; what comes after it stays in `parser`. */
function greeting(socket: Socket, parser: WireParser, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | undefined, version = '') => {
      clearTimeout(timer);
      socket.removeAllListeners();
      if (!error) return resolve(version);
      socket.on('error', () => {}); // it is destroyed next
      reject(error);
    };
    const timer = setTimeout(() => done(new Error('no greeting')), timeoutMs);
    socket.on('error', (error) => done(error));
    socket.on('close', () => done(new Error('closed before the greeting')));
    socket.on('data', (chunk: Buffer) => {
      const [first] = parser.push(chunk);
      if (first === undefined) return;
      socket.pause();
      if (first.kind === 'greeting') {
        done(undefined, first.version);
        socket.resume();
      } else done(new Error('not a QMP socket'));
    });
  });
}
