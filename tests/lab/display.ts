import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { keysOfCharacter, keysOfChord } from './keyboard.ts';
import type { Machine } from './machine.ts';
import { findWords, type Picture, parsePpm, recogniseWords, textOf, type Word } from './screen-text.ts';

/** Milliseconds a key is held, and between two keys: a slow guest must neither repeat nor lose them. */
const KEY_MS = 40;

/** Screen fonts are about 10 pixels high, and tesseract wants about 30; headings are large enough as they are. */
const PASSES = [
  { scale: 2, light: false },
  { scale: 2, light: true },
  { scale: 1, light: false },
];

type InputEvent =
  | { type: 'key'; data: { down: boolean; key: { type: 'qcode'; data: string } } }
  | { type: 'abs'; data: { axis: 'x' | 'y'; value: number } }
  | { type: 'btn'; data: { down: boolean; button: 'left' | 'right' | 'middle' } };

/** Screen, keyboard and mouse of a machine, used as a person would: by looking, typing and pointing. */
export class Display {
  readonly #machine: Machine;
  readonly #dump: string;
  #last: { bytes: Buffer; words: Word[] } | undefined;

  /** @param dump file for the screen dump in between */
  constructor(machine: Machine, dump: string) {
    this.#machine = machine;
    this.#dump = dump;
  }

  /** What is on the screen now, as pixels. */
  async picture(): Promise<Picture> {
    return parsePpm(await this.#grab());
  }

  async #grab(): Promise<Buffer> {
    await this.#machine.qmp('screendump', { filename: this.#dump });
    const bytes = await readFile(this.#dump);
    await rm(this.#dump, { force: true });
    return bytes;
  }

  /** The words on the screen, as found in each of the {@link PASSES}, one after the other. */
  async words(): Promise<Word[]> {
    const bytes = await this.#grab();
    if (this.#last?.bytes.equals(bytes)) return this.#last.words;
    const picture = parsePpm(bytes);
    const words: Word[] = [];
    for (const options of PASSES) {
      const line = Math.max(-1, ...words.map((w) => w.line)) + 1;
      words.push(...(await recogniseWords(picture, options)).map((w) => ({ ...w, line: w.line + line })));
    }
    this.#last = { bytes, words };
    return words;
  }

  /** The text on the screen. A line can come several times: each pass may find it. */
  async read(): Promise<string> {
    return textOf(await this.words());
  }

  /**
   * Waits until the screen shows something; the match tells what. A space in the pattern stands for any white space, or
   * none: recognition now and then glues words together.
   */
  async waitForText(pattern: RegExp, withinMs: number): Promise<RegExpExecArray> {
    const loose = new RegExp(pattern.source.replaceAll(' ', '\\s*'), pattern.flags);
    for (const deadline = Date.now() + withinMs; ; await sleep(300)) {
      if (!this.#machine.running) throw await this.#machine.failure(`ended before its screen showed ${pattern}`);
      const match = loose.exec(await this.read());
      if (match) return match;
      if (Date.now() > deadline) {
        throw await this.#machine.failure(`did not show ${pattern} within ${withinMs / 1000} s`);
      }
    }
  }

  /** Whether the screen stops showing something in time. */
  async stopsShowing(pattern: RegExp, withinMs: number): Promise<boolean> {
    for (const deadline = Date.now() + withinMs; pattern.test(await this.read()); await sleep(300)) {
      if (Date.now() > deadline) return false;
    }
    return true;
  }

  /** Types a text on a US keyboard. */
  async type(text: string, keyMs = KEY_MS): Promise<void> {
    for (const character of text) await this.#chord(keysOfCharacter(character), keyMs);
  }

  /** Presses keys together: `enter`, `ctrl-alt-home`, `alt-f4`. */
  async press(chord: string, keyMs = KEY_MS): Promise<void> {
    await this.#chord(keysOfChord(chord), keyMs);
  }

  async #chord(keys: string[], keyMs: number): Promise<void> {
    const event = (key: string, down: boolean): InputEvent => ({
      type: 'key',
      data: { down, key: { type: 'qcode', data: key } },
    });
    await this.#send(keys.map((key) => event(key, true)));
    await sleep(keyMs);
    await this.#send(keys.toReversed().map((key) => event(key, false)));
    await sleep(keyMs);
  }

  /** Puts the mouse at a pixel of the screen. */
  async moveMouse(x: number, y: number): Promise<void> {
    const { width, height } = await this.picture();
    // QEMU's absolute axes go from 0 to 32767 over the whole screen
    await this.#send([
      { type: 'abs', data: { axis: 'x', value: Math.round((x * 32767) / (width - 1)) } },
      { type: 'abs', data: { axis: 'y', value: Math.round((y * 32767) / (height - 1)) } },
    ]);
    await sleep(KEY_MS);
  }

  async click(x: number, y: number, button: 'left' | 'right' | 'middle' = 'left'): Promise<void> {
    await this.moveMouse(x, y);
    await this.#send([{ type: 'btn', data: { down: true, button } }]);
    await sleep(KEY_MS);
    await this.#send([{ type: 'btn', data: { down: false, button } }]);
    await sleep(KEY_MS);
  }

  /** Clicks on words once they are on the screen, and stay where they are. */
  async clickText(text: string, withinMs = 20_000): Promise<void> {
    let before: { x: number; y: number } | undefined;
    for (const deadline = Date.now() + withinMs; ; await sleep(300)) {
      const place = findWords(await this.words(), text);
      if (place && before && Math.hypot(place.x - before.x, place.y - before.y) < 3) {
        return this.click(place.x, place.y);
      }
      before = place;
      if (Date.now() > deadline) throw await this.#machine.failure(`shows no "${text}" to click on`);
    }
  }

  /** Clicks on words if they are on the screen now. */
  async clickIfThere(text: string): Promise<void> {
    const place = findWords(await this.words(), text);
    if (place) await this.click(place.x, place.y);
  }

  async #send(events: InputEvent[]): Promise<void> {
    await this.#machine.qmp('input-send-event', { events });
  }
}
