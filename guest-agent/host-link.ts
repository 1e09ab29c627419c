/**
 * The agent's conversation with the host, over whatever port. It lives as long as the agent: hosts come and go (the
 * desktop moves, a host's process starts again), and each one says the whole status when it is there.
 */
import { randomUUID } from 'node:crypto';
import { Value } from 'typebox/value';
import { encodeFrame, FrameDecoder } from '#common/agent/framing.ts';
import { UserError } from '#common/errors.ts';
import { type AgentStatus, type GuestMessage, HostMessage, type Wish } from '#common/protocol/host-guest.ts';
import type { GuestPort, PortState } from './port/guest-port.ts';

/** How often the host is asked, ms, and how long it may be silent until it counts as away. */
const PING_MS = 10_000;
const SILENCE_MS = 30_000;
/** How long an answer to a wish may take, ms. */
const ANSWER_MS = 30_000;

/** What is known of the host. `since`: ms since the epoch. */
export type HostState =
  | { kind: 'noPort'; since: number }
  | { kind: 'refused'; since: number; reason: string }
  | { kind: 'away'; since: number }
  | { kind: 'there'; since: number };

export interface HostLinkOptions {
  port: GuestPort;
  version: string;
  system: string;
  onChange(): void;
  log(line: string): void;
}

interface Waiting {
  resolve(): void;
  reject(error: UserError): void;
  timer: NodeJS.Timeout;
}

export class HostLink {
  readonly #options: HostLinkOptions;
  #decoder = new FrameDecoder();
  #state: HostState = { kind: 'noPort', since: Date.now() };
  #status: AgentStatus | undefined;
  #waiting = new Map<string, Waiting>();
  #ping: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(options: HostLinkOptions) {
    this.#options = options;
  }

  get state(): HostState {
    return this.#state;
  }

  /** The last that a host said; it may be gone since (see `state`). */
  get status(): AgentStatus | undefined {
    return this.#status;
  }

  start(): void {
    this.#options.port.start({
      onBytes: (bytes) => this.#take(bytes),
      onState: (state) => this.#portIs(state),
    });
    this.#ping = setInterval(() => {
      if (this.#state.kind !== 'noPort' && this.#state.kind !== 'refused') this.#say({ type: 'ping' });
    }, PING_MS);
  }

  stop(): void {
    clearInterval(this.#ping);
    clearTimeout(this.#silence);
    this.#options.port.close();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new UserError('the agent is being stopped'));
    }
    this.#waiting.clear();
  }

  /** Asks the host. Resolves when it has begun; @throws UserError with the host's words, or because none answers */
  async wish(wish: Wish): Promise<void> {
    if (this.#state.kind !== 'there') {
      throw new UserError('nobody at the host answers the agent', {
        hint: 'It tries again by itself; flexdeploy-agent status says since when.',
      });
    }
    const id = randomUUID();
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new UserError('the host did not answer in time', { hint: 'Whether it worked is seen in the status.' }));
      }, ANSWER_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#say({ type: 'wish', id, wish });
    });
  }

  #say(message: GuestMessage): void {
    this.#options.port.write(encodeFrame(message));
  }

  #hello(): void {
    this.#say({ type: 'hello', version: this.#options.version, system: this.#options.system });
  }

  #portIs(state: PortState): void {
    this.#options.log(`the port is ${state.kind}${state.kind === 'refused' ? `: ${state.reason}` : ''}`);
    const since = Date.now();
    switch (state.kind) {
      case 'missing':
        this.#become({ kind: 'noPort', since });
        break;
      case 'refused':
        this.#become({ kind: 'refused', since, reason: state.reason });
        break;
      case 'away':
        this.#become({ kind: 'away', since });
        break;
      case 'open':
        // somebody is there; who, is known when they speak
        this.#become({ kind: 'away', since });
        this.#hello();
        break;
      default:
        state satisfies never;
    }
  }

  #become(state: HostState): void {
    if (state.kind !== 'there') {
      clearTimeout(this.#silence);
      this.#decoder = new FrameDecoder();
    }
    if (state.kind === this.#state.kind) return;
    this.#state = state;
    this.#options.onChange();
  }

  #take(bytes: Uint8Array): void {
    for (const found of this.#decoder.push(bytes)) {
      if (found.kind === 'message' && Value.Check(HostMessage, found.value)) this.#message(found.value);
      else
        this.#options.log(`something from the host was dropped: ${found.kind === 'dropped' ? found.why : 'unknown'}`);
    }
  }

  #message(message: HostMessage): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#become({ kind: 'away', since: Date.now() }), SILENCE_MS);
    const known = this.#state.kind === 'there';
    if (message.type === 'answer') this.#answered(message);
    else if (!known || JSON.stringify(message.status) !== JSON.stringify(this.#status)) {
      this.#status = message.status;
      if (known) this.#options.onChange();
    }
    if (!known && message.type === 'status') this.#become({ kind: 'there', since: Date.now() });
  }

  #answered({ id, error }: Extract<HostMessage, { type: 'answer' }>): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(new UserError(error.message, error.hint === undefined ? {} : { hint: error.hint }));
    else waiting.resolve();
  }
}
