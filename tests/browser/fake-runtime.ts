/**
 * Stands in for the runtime on the PC: its real local server, with states that the test says and commands kept for the
 * test to read. Knows nothing of screens, so it can show states the runtime only reaches by misfortune.
 */
import { Value } from 'typebox/value';
import { LocalServer } from '../../client-runtime/kiosk/local-server.ts';
import { type KioskCommand, KioskState } from '../../client-runtime/kiosk/protocol.ts';

export class FakeRuntime {
  /** What the page has said and the test has not yet taken, in order. */
  readonly commands: KioskCommand[] = [];
  /** How many messages of the page were no commands; has to stay 0. */
  nonsense = 0;
  readonly #folder: string;
  #server: LocalServer | undefined;
  #port = 0;
  #state: KioskState;
  #waiting: (() => void)[] = [];

  constructor(folder: string, state: KioskState) {
    this.#folder = folder;
    this.#state = state;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** The second time at the same port as before, as a process that is started again. */
  async start(): Promise<void> {
    this.#server = new LocalServer({
      pageFolder: this.#folder,
      port: this.#port,
      state: () => this.#state,
      onCommand: (command) => {
        this.commands.push(command);
        for (const wake of this.#waiting.splice(0)) wake();
      },
      onNonsense: () => {
        this.nonsense++;
      },
      onPage: () => {},
    });
    this.#port = await this.#server.start();
  }

  /** Says a state to every page, and to those that come later. It has to be one that the protocol allows. */
  push(state: KioskState): void {
    if (!Value.Check(KioskState, state)) throw new Error(`not a KioskState: ${JSON.stringify(state)}`);
    this.#state = state;
    this.#server?.publish(state);
  }

  /** The next command that was not yet taken; fails after `timeoutMs` of silence. */
  async nextCommand(timeoutMs = 3000): Promise<KioskCommand> {
    if (this.commands.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      const timer = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
    }
    const command = this.commands.shift();
    if (!command) throw new Error(`no command within ${timeoutMs} ms`);
    return command;
  }

  /** Goes away, as a process that dies does. */
  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }
}
