/**
 * One connection to a PC: calls by number, each with a time limit, and what the PC tells by itself. Whatever comes is
 * checked against its schema; a PC that sends something else is cut off, since nothing it says can be relied on then.
 */
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { UserError } from '#common/errors.ts';
import {
  type HostAnswer,
  type HostArgs,
  type HostCallName,
  HostCalls,
  type HostNotice,
  HostReply,
} from '#common/protocol/host-link.ts';
import { type CallLimits, withLimit } from './limits.ts';

/** The PC is not there, or went away before it answered: whether the call had an effect is not known. */
export class LinkLost extends UserError {}

/** What a {@link HostLink} needs of a WebSocket. */
export interface Wire {
  send(text: string): void;
  /** Hangs up, telling why. */
  close(why: string): void;
}

interface Pending {
  call: HostCallName;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Calls that may wait for an answer at the same time; a PC gets a handful. */
const MAX_PENDING = 64;

const reply = Compile(HostReply);
const answers = new Map<string, { Check(value: unknown): boolean }>(
  Object.entries(HostCalls).map(([name, { answer }]) => [name, Compile(answer as TSchema)]),
);

export class HostLink {
  readonly #wire: Wire;
  readonly #pcName: string;
  readonly #limits: CallLimits;
  readonly #onNotice: (notice: HostNotice) => void;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed = false;

  constructor(options: { wire: Wire; pcName: string; limits: CallLimits; onNotice: (notice: HostNotice) => void }) {
    this.#wire = options.wire;
    this.#pcName = options.pcName;
    this.#limits = options.limits;
    this.#onNotice = options.onNotice;
  }

  /** @throws UserError with the PC's own words, {@link LinkLost}, {@link CallTimedOut}, or the signal's reason */
  async call<K extends HostCallName>(name: K, args: HostArgs<K>, signal?: AbortSignal): Promise<HostAnswer<K>> {
    signal?.throwIfAborted();
    if (this.#closed) throw new LinkLost(`the connection to ${this.#pcName} is lost`);
    if (this.#pending.size >= MAX_PENDING) throw new UserError(`${this.#pcName} does not answer`);
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { call: name, resolve, reject }));
    const about = { name: this.#pcName, call: name, limit: this.#limits[name], signal };
    try {
      this.#wire.send(JSON.stringify({ id, call: name, args }));
      return (await withLimit(answer, about)) as HostAnswer<K>;
    } finally {
      this.#pending.delete(id);
    }
  }

  /** To be told every text that comes. */
  receive(text: string): void {
    if (this.#closed) return;
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      this.#hangUp('what came is not JSON');
      return;
    }
    if (!reply.Check(message)) this.#hangUp('what came is no reply of a host');
    else if ('notice' in message) this.#onNotice(message);
    else this.#answered(message);
  }

  #answered(message: Exclude<HostReply, HostNotice>): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return; // it came after its time limit
    if ('error' in message) {
      const { message: words, hint } = message.error;
      pending.reject(new UserError(`${this.#pcName}: ${words}`, hint === undefined ? {} : { hint }));
    } else if (answers.get(pending.call)?.Check(message.answer)) {
      pending.resolve(message.answer);
    } else {
      this.#hangUp(`the answer to ${pending.call} is not in its form`);
    }
  }

  /** The connection has ended: every call that waits fails. */
  ended(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { reject } of this.#pending.values()) {
      reject(new LinkLost(`the connection to ${this.#pcName} was lost`));
    }
  }

  #hangUp(why: string): void {
    this.#wire.close(why);
    this.ended();
  }
}
