import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ShellResult {
  code: number;
  /** Standard output and standard error together: the console is one stream. */
  output: string;
}

/** Bytes of a command that go over the console in one line; a terminal's line ends at 4096. */
const PIECE = 1024;

/**
 * Root shell on the virtio console of an image built with `--debug`. Every answer is framed by a random mark, so that
 * what else is written on the console cannot be taken for it.
 */
export class GuestShell {
  readonly #socket: Socket;
  #received = '';
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#received += text;
    });
    socket.on('error', () => {}); // the machine went away: the next wait runs out and says so
  }

  /** Connects to the console's socket and waits until a shell answers there. */
  static async connect(path: string, withinMs: number): Promise<GuestShell> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const shell = new GuestShell(socket);
    try {
      await shell.#begin(Date.now() + withinMs);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return shell;
  }

  async #begin(deadline: number): Promise<void> {
    while (Date.now() < deadline) {
      const mark = randomBytes(6).toString('hex');
      this.#received = '';
      // No echo, no line editing, no prompt, no carriage returns; the mark is written in two halves, since the line
      // itself may be echoed
      this.#socket.write(
        `\nstty -echo -opost; exec env PS1= PS2= bash --noprofile --norc --noediting\n` +
          `printf '%s%s\\n' ${mark.slice(0, 6)} ${mark.slice(6)}\n`,
      );
      for (let i = 0; i < 30 && Date.now() < deadline; i++) {
        await sleep(100);
        if (this.#received.includes(`${mark}\n`)) return;
      }
    }
    throw new Error('no debug shell answers on hvc0: is the image built with --debug, and the system up?');
  }

  /** Runs a shell command line as root. One at a time; others wait for their turn. */
  run(command: string, withinMs = 60_000): Promise<ShellResult> {
    const result = this.#turn.then(() => this.#run(command, withinMs));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #run(command: string, withinMs: number): Promise<ShellResult> {
    const mark = randomBytes(6).toString('hex');
    const encoded = Buffer.from(command).toString('base64');
    this.#received = '';
    this.#socket.write('c=\n');
    for (let at = 0; at < encoded.length; at += PIECE) this.#socket.write(`c=\${c}${encoded.slice(at, at + PIECE)}\n`);
    this.#socket.write(
      `echo begin-${mark}; bash -c "$(echo $c | base64 -d)" </dev/null 2>&1; printf '\\nend-${mark} %d\\n' $?\n`,
    );
    const answer = new RegExp(`begin-${mark}\\r?\\n([\\s\\S]*)\\nend-${mark} (\\d+)\\r?\\n`);
    const deadline = Date.now() + withinMs;
    for (;;) {
      const match = answer.exec(this.#received);
      if (match) return { output: (match[1] ?? '').replaceAll('\r\n', '\n'), code: Number(match[2]) };
      if (Date.now() > deadline || this.#socket.destroyed) {
        throw new Error(`no answer within ${withinMs / 1000} s from the debug shell to: ${command}`);
      }
      await sleep(50);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
