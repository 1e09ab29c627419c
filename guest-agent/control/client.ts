/** The command line's (and the page server's) end of the local socket. */
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { Value } from 'typebox/value';
import { messageOf, UserError } from '#common/errors.ts';
import type { Wish } from '#common/protocol/host-guest.ts';
import { Reply, type View } from './protocol.ts';

/** The service is not there, or ended. */
export class NoServiceError extends UserError {
  constructor(why: string) {
    super(`the agent's service does not answer: ${why}`, {
      hint:
        process.platform === 'win32'
          ? 'sc.exe query FlexDeployAgent says whether it runs.'
          : 'systemctl status flexdeploy-agent says whether it runs.',
    });
    this.name = 'NoServiceError';
  }
}

interface Waiting {
  resolve(): void;
  reject(error: UserError): void;
}

export class ControlClient {
  /** Resolves with the reason when the connection has ended. */
  readonly closed: Promise<UserError>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #view: View | undefined;
  #onView: (view: View) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on('error', () => {}); // 'close' follows
      socket.on('close', () => {
        const why = new NoServiceError('it hung up');
        for (const { reject } of this.#waiting.values()) reject(why);
        this.#waiting.clear();
        resolve(why);
      });
    });
    createInterface({ input: socket }).on('line', (line) => this.#take(line));
  }

  /** @throws NoServiceError */
  static connect(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path);
      socket.once('error', (cause) => reject(new NoServiceError(messageOf(cause))));
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        resolve(new ControlClient(socket));
      });
    });
  }

  /** `listener` gets the view now, if it is known already, and whenever it changes. */
  onView(listener: (view: View) => void): void {
    this.#onView = listener;
    if (this.#view) listener(this.#view);
  }

  /** The view that the service tells first. */
  async view(): Promise<View> {
    if (this.#view) return this.#view;
    return Promise.race([
      new Promise<View>((resolve) => this.onView(resolve)),
      this.closed.then((why) => Promise.reject(why)),
    ]);
  }

  wish(wish: Wish): Promise<void> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ id, wish })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(line: string): void {
    const reply = parse(line);
    if (reply === undefined) return;
    if ('view' in reply) {
      this.#view = reply.view;
      this.#onView(reply.view);
      return;
    }
    const waiting = this.#waiting.get(reply.answer);
    this.#waiting.delete(reply.answer);
    const { error } = reply;
    if (error) waiting?.reject(new UserError(error.message, error.hint === undefined ? {} : { hint: error.hint }));
    else waiting?.resolve();
  }
}

function parse(line: string): Reply | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return Value.Check(Reply, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
