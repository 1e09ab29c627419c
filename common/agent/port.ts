/**
 * The host's end of a desktop's agent port: a client of QEMU's chardev socket. Used by the server and by the PC,
 * whichever runs the desktop.
 *
 * What comes from the guest is hostile until shown otherwise. So: it is read in slices with a pause after each (what the
 * guest writes meanwhile waits in the guest, not here), messages and wishes have a rate, at most one status and a few
 * answers wait for a guest that does not read, and what is not understood is counted and dropped. The port stays as long
 * as it is not closed: a QEMU that is not there yet, ends or starts again is connected to when it is there.
 */
import { createConnection, type Socket } from 'node:net';
import { Value } from 'typebox/value';
import { messageOf, UserError } from '#common/errors.ts';
import { type AgentStatus, GuestMessage, type HostMessage, type Wish } from '#common/protocol/host-guest.ts';
import { encodeFrame, encodeFrameText, FRAME_LIMIT, FrameDecoder } from './framing.ts';

/** Between two attempts to connect, ms. */
const RETRY_MS = 1000;
/** Pause after each slice that was read, ms: at most 100 slices of 64 KiB a second. */
const READ_PAUSE_MS = 10;
/** Messages a second that are taken, and how many may come at once. More: the port is not read until a second is over. */
const MESSAGES_PER_SECOND = 10;
const MESSAGE_BURST = 40;
/** Wishes that may be under way at once. */
const WISHES_AT_ONCE = 4;
/** Answers that may wait for a guest that does not read; then the oldest go. */
const ANSWERS_WAITING = 32;
/** Answers that are remembered, so that a wish that comes twice is granted once. */
const ANSWERS_REMEMBERED = 32;
/**
 * Shortest time between two statuses that nobody asked for, ms. What a slow guest does not get round to waits in QEMU's
 * socket, hundreds of statuses of it, and the agent would show minutes that are past.
 */
const STATUS_EVERY_MS = 1000;
/** Shortest time between two lines in the log about what was dropped, ms. */
const LOG_EVERY_MS = 60_000;

export interface AgentPortOptions {
  /** Path of QEMU's chardev socket. */
  socket: string;
  /** What the agent shows now. */
  status(): AgentStatus;
  /**
   * Does what the person wants, or begins it. A `UserError` is shown in the desktop with its hint; of anything else only
   * that it did not work.
   */
  onWish(wish: Wish): Promise<void>;
  log(line: string): void;
}

/** The agent that last said hello. */
export interface GuestAgent {
  version: string;
  system: string;
}

export class AgentPort {
  readonly #options: AgentPortOptions;
  #socket: Socket | undefined;
  #decoder = new FrameDecoder();
  #timer: NodeJS.Timeout | undefined;
  #statusTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #guest: GuestAgent | undefined;
  #tokens = MESSAGE_BURST;
  #tokensAt = performance.now();
  #sent = '';
  #sentAt = 0;
  #statusDue = false;
  #answers: HostMessage[] = [];
  #given = new Map<string, HostMessage | undefined>();
  #wishes = 0;
  #dropped = 0;
  #loggedAt = -LOG_EVERY_MS;

  /** Begins to connect at once. */
  constructor(options: AgentPortOptions) {
    this.#options = options;
    this.#connect();
  }

  /** The agent in the desktop, if one has said hello to this port. */
  get guest(): GuestAgent | undefined {
    return this.#guest;
  }

  /** Something that the status shows may have changed. Cheap, may be called often: only what differs is sent. */
  update(): void {
    if (this.#statusTimer !== undefined || this.#socket === undefined) return;
    const wait = Math.max(0, this.#sentAt + STATUS_EVERY_MS - performance.now());
    this.#statusTimer = setTimeout(() => {
      this.#statusTimer = undefined;
      const text = this.#status();
      if (text === undefined || text === this.#sent) return;
      this.#statusDue = true;
      this.#flush();
    }, wait);
  }

  /** Leaves the port. QEMU and the guest go on. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#statusTimer);
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): void {
    if (this.#closed) return;
    const socket = createConnection(this.#options.socket);
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      if (this.#closed) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#connect(), RETRY_MS);
    });
    socket.on('connect', () => {
      if (this.#closed) {
        socket.destroy();
        return;
      }
      this.#socket = socket;
      this.#decoder = new FrameDecoder();
      this.#answers = [];
      this.#statusDue = true;
      this.#flush();
    });
    socket.on('drain', () => this.#flush());
    socket.on('data', (slice: Buffer) => this.#take(socket, slice));
  }

  #take(socket: Socket, slice: Buffer): void {
    let pause = READ_PAUSE_MS;
    for (const found of this.#decoder.push(slice)) {
      if (found.kind === 'dropped') this.#drop(found.why);
      else if (this.#token()) this.#message(found.value);
      else {
        pause = 1000;
        this.#drop('too many messages');
      }
    }
    socket.pause();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => socket.resume(), pause);
  }

  #token(): boolean {
    const now = performance.now();
    this.#tokens = Math.min(MESSAGE_BURST, this.#tokens + ((now - this.#tokensAt) * MESSAGES_PER_SECOND) / 1000);
    this.#tokensAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #message(message: unknown): void {
    if (!Value.Check(GuestMessage, message)) {
      this.#drop('not a message');
      return;
    }
    switch (message.type) {
      case 'hello':
        this.#guest = { version: message.version, system: message.system };
        this.#statusDue = true;
        break;
      case 'ping':
        this.#statusDue = true;
        break;
      case 'wish':
        void this.#wish(message.id, message.wish);
        break;
      default:
        message satisfies never;
    }
    this.#flush();
  }

  async #wish(id: string, wish: Wish): Promise<void> {
    if (this.#given.has(id)) {
      const answer = this.#given.get(id);
      if (answer) this.#answer(answer); // else it is under way
      return;
    }
    if (this.#wishes >= WISHES_AT_ONCE) {
      this.#answer({ type: 'answer', id, error: { message: 'too many wishes at once' } });
      return;
    }
    this.#wishes++;
    this.#given.set(id, undefined);
    const answer = await this.#grant(id, wish);
    this.#wishes--;
    this.#given.set(id, answer);
    for (const old of this.#given.keys()) {
      if (this.#given.size <= ANSWERS_REMEMBERED) break;
      this.#given.delete(old);
    }
    this.#answer(answer);
  }

  async #grant(id: string, wish: Wish): Promise<HostMessage> {
    try {
      await this.#options.onWish(wish);
      return { type: 'answer', id };
    } catch (error) {
      if (!(error instanceof UserError)) this.#options.log(`the wish ${wish} of the agent failed: ${messageOf(error)}`);
      return { type: 'answer', id, error: wordsFor(error) };
    }
  }

  #answer(answer: HostMessage): void {
    this.#answers.push(answer);
    if (this.#answers.length > ANSWERS_WAITING) this.#answers.shift();
    this.#flush();
  }

  /** Sends what waits, as long as the guest reads. */
  #flush(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    while (!socket.writableNeedDrain) {
      const answer = this.#answers.shift();
      if (answer) socket.write(encodeFrame(answer));
      else if (this.#statusDue) this.#sendStatus(socket);
      else break;
    }
  }

  #sendStatus(socket: Socket): void {
    this.#statusDue = false;
    const text = this.#status();
    if (text === undefined) return;
    this.#sent = text;
    this.#sentAt = performance.now();
    socket.write(encodeFrameText(text));
  }

  /** The status as a message, in JSON. undefined: there is none, and the log says why. */
  #status(): string | undefined {
    try {
      const text = JSON.stringify({ type: 'status', status: this.#options.status() } satisfies HostMessage);
      if (Buffer.byteLength(text) <= FRAME_LIMIT) return text;
      this.#drop('a status that is too long');
    } catch (error) {
      this.#drop(`no status: ${messageOf(error)}`);
    }
    return undefined;
  }

  #drop(why: string): void {
    this.#dropped++;
    const now = performance.now();
    if (now - this.#loggedAt < LOG_EVERY_MS) return;
    this.#options.log(`agent port: something was dropped (${why}; ${this.#dropped} so far)`);
    this.#loggedAt = now;
  }
}

function wordsFor(error: unknown): { message: string; hint?: string } {
  if (!(error instanceof UserError)) return { message: 'This did not work. The administrator finds more in the log.' };
  const { message, hint } = error;
  return { message: message.slice(0, 1000), ...(hint !== undefined && { hint: hint.slice(0, 1000) }) };
}
