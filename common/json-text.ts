/**
 * A JSON reader for files that people edit by hand: it says where the text is broken, in words and with line and
 * column (JSON.parse does not always), and keeps what was complete before that place.
 */

/** Where in the text something is wrong; line and column count from 1. */
export interface JsonTextProblem {
  line: number;
  column: number;
  problem: string;
}

export interface JsonText {
  /** What could be read: all of it, or everything that was complete before the first fatal problem. */
  value: unknown;
  problems: JsonTextProblem[];
}

/** Deeper nesting is refused: nothing that people write by hand needs it. */
const MAX_DEPTH = 32;

class Broken extends Error {}

/** Reads `text` as JSON. Never throws. A comma too many is reported and skipped; anything else ends the reading. */
export function readJsonText(text: string): JsonText {
  const reader = new Reader(text);
  return { value: reader.readAll(), problems: reader.problems };
}

class Reader {
  readonly problems: JsonTextProblem[] = [];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    // Windows' Notepad puts a byte order mark first
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
  }

  readAll(): unknown {
    const root: { value: unknown } = { value: undefined };
    try {
      this.#space();
      if (this.#at >= this.#text.length) this.#fail('the file is empty');
      this.#value((v) => {
        root.value = v;
      }, 0);
      this.#space();
      if (this.#at < this.#text.length) this.#fail(`there is ${this.#here()} after the end`);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
    }
    return root.value;
  }

  /** Containers are handed to `put` before they are filled, so that what was read survives a problem further on. */
  #value(put: (value: unknown) => void, depth: number): void {
    if (depth > MAX_DEPTH) this.#fail('too many brackets inside each other');
    const c = this.#text[this.#at];
    if (c === '{') this.#object(put, depth);
    else if (c === '[') this.#array(put, depth);
    else if (c === '"') put(this.#string());
    else this.#word(put);
  }

  #word(put: (value: unknown) => void): void {
    const word = /[^\s,:{}[\]"]*/y;
    word.lastIndex = this.#at;
    const found = word.exec(this.#text)?.[0] ?? '';
    if (found === 'true' || found === 'false' || found === 'null') put(JSON.parse(found));
    else if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(found)) put(Number(found));
    else if (found.startsWith("'") || found.startsWith('\u201c') || found.startsWith('\u201d'))
      this.#fail('text must be between straight double quotes (")');
    else if (found.startsWith('/') || found.startsWith('#')) this.#fail('comments are not possible in JSON');
    else if (found === '') this.#fail(`a value is missing: found ${this.#here()}`);
    else this.#fail(`text must be between double quotes: "${found.slice(0, 40)}"`);
    this.#at += found.length;
  }

  #object(put: (value: unknown) => void, depth: number): void {
    const object: Record<string, unknown> = {};
    put(object);
    this.#at++;
    this.#space();
    while (this.#text[this.#at] !== '}') {
      if (this.#text[this.#at] !== '"') this.#fail(`expected a key in double quotes or }, found ${this.#here()}`);
      const keyAt = this.#at;
      const key = this.#string();
      if (Object.hasOwn(object, key)) this.#note(`"${key}" is there twice; the last one counts`, keyAt);
      this.#space();
      if (this.#text[this.#at] !== ':') this.#fail(`expected : after "${key.slice(0, 40)}", found ${this.#here()}`);
      this.#at++;
      this.#space();
      // defineProperty: a key called __proto__ is a key like any other
      this.#value((value) => {
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      }, depth + 1);
      this.#separator('}');
    }
    this.#at++;
  }

  #array(put: (value: unknown) => void, depth: number): void {
    const array: unknown[] = [];
    put(array);
    this.#at++;
    this.#space();
    while (this.#text[this.#at] !== ']') {
      this.#value((v) => array.push(v), depth + 1);
      this.#separator(']');
    }
    this.#at++;
  }

  /** After an entry: a comma, or the closing bracket (which is left for the caller). */
  #separator(close: '}' | ']'): void {
    this.#space();
    if (this.#text[this.#at] === ',') {
      const comma = this.#at++;
      this.#space();
      if (this.#text[this.#at] === close) this.#note(`one comma too many before ${close}`, comma);
      return;
    }
    if (this.#text[this.#at] !== close) this.#fail(`expected , or ${close}, found ${this.#here()}`);
  }

  #string(): string {
    const start = this.#at;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside text
    const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    string.lastIndex = start;
    const found = string.exec(this.#text)?.[0];
    if (found !== undefined) {
      this.#at += found.length;
      return JSON.parse(found) as string;
    }
    const line = /"[^\n]*/y;
    line.lastIndex = start;
    const backslash = /\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(line.exec(this.#text)?.[0] ?? '');
    if (backslash) this.#at += backslash.index;
    return this.#fail(
      backslash
        ? 'a backslash in text must be written twice (\\\\)'
        : 'a text that starts here has no closing double quote in its line (a line break inside is written \\n)',
    );
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #here(): string {
    const c = this.#text[this.#at];
    return c === undefined ? 'the end of the file' : c === '"' ? 'a double quote' : `"${c}"`;
  }

  #note(problem: string, at: number): void {
    const before = this.#text.slice(0, at).split('\n');
    this.problems.push({ line: before.length, column: (before.at(-1)?.length ?? 0) + 1, problem });
  }

  #fail(problem: string): never {
    this.#note(problem, this.#at);
    throw new Broken(problem);
  }
}
