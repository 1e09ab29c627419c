/** Reads the words on a screen: a PPM screen dump, scaled up, through tesseract. */
import { run } from '#common/run.ts';

export interface Picture {
  width: number;
  height: number;
  /** One byte a pixel: brightness. */
  grey: Uint8Array;
}

export interface Word {
  text: string;
  /** Rectangle in pixels of the screen. */
  left: number;
  top: number;
  width: number;
  height: number;
  /** Words of one line of text have the same number. */
  line: number;
}

export interface Recognition {
  /** How much the picture is enlarged first, a whole number. */
  scale: number;
  /**
   * Shows only what is small and light, dark on white: the words on buttons and on dark windows, which recognition
   * overlooks beside dark words on a light page.
   */
  light: boolean;
}

/** Brightness from which a pixel can belong to a light letter. */
const LIGHT = 170;
/** Pixels; what is bigger is no letter but a part of the page. */
const LETTER = { height: 48, width: 120 };

/** A binary PPM (P6, 8 bits a colour), as QMP `screendump` writes it. */
export function parsePpm(data: Uint8Array): Picture {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(Buffer.from(data.subarray(0, 64)).toString('latin1'));
  if (!header) throw new Error('this is not a binary PPM with 8 bits a colour');
  const width = Number(header[1]);
  const height = Number(header[2]);
  const rgb = data.subarray(header[0].length);
  if (rgb.length < width * height * 3) throw new Error('the PPM is cut short');
  const grey = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < grey.length; i++, j += 3) {
    grey[i] = (299 * (rgb[j] ?? 0) + 587 * (rgb[j + 1] ?? 0) + 114 * (rgb[j + 2] ?? 0)) / 1000;
  }
  return { width, height, grey };
}

/** How much of the screen is not of the colour that the screen has most of, 0 to 1: is there a picture at all? */
export function filledPart(picture: Picture): number {
  const counts = new Uint32Array(256);
  for (const value of picture.grey) counts[value] = (counts[value] ?? 0) + 1;
  return 1 - Math.max(...counts) / picture.grey.length;
}

/** Binary PGM of the picture, enlarged by linear interpolation. */
function enlargedPgm(picture: Picture, { scale, light }: Recognition): Uint8Array {
  const { width, height } = picture;
  const grey = light ? lightLetters(picture) : picture.grey;
  const w = width * scale;
  const h = height * scale;
  const header = Buffer.from(`P5\n${w} ${h}\n255\n`, 'latin1');
  const out = new Uint8Array(header.length + w * h);
  out.set(header);
  for (let y = 0, at = header.length; y < h; y++) {
    const y0 = Math.floor(y / scale);
    const fy = y / scale - y0;
    const row0 = y0 * width;
    const row1 = Math.min(y0 + 1, height - 1) * width;
    for (let x = 0; x < w; x++, at++) {
      const x0 = Math.floor(x / scale);
      const x1 = Math.min(x0 + 1, width - 1);
      const fx = x / scale - x0;
      const upper = (grey[row0 + x0] ?? 0) * (1 - fx) + (grey[row0 + x1] ?? 0) * fx;
      const lower = (grey[row1 + x0] ?? 0) * (1 - fx) + (grey[row1 + x1] ?? 0) * fx;
      out[at] = upper * (1 - fy) + lower * fy;
    }
  }
  return out;
}

/** The small light shapes of a picture and the pixel around them, inverted, on white. */
function lightLetters(picture: Picture): Uint8Array {
  const { width, grey } = picture;
  const out = new Uint8Array(grey.length).fill(255);
  const isLight = Uint8Array.from(grey, (value) => (value >= LIGHT ? 1 : 0));
  for (let start = 0; start < grey.length; start++) {
    if (!isLight[start]) continue;
    const shape = takeShape(isLight, width, start);
    if (!isLetterSized(shape, width)) continue;
    for (const at of shape) {
      for (const near of [at, at - 1, at + 1, at - width, at + width]) {
        if (near >= 0 && near < out.length) out[near] = 255 - (grey[near] ?? 0);
      }
    }
  }
  return out;
}

/** The pixels that hang together with `start`, which are cleared in `pixels`. */
function takeShape(pixels: Uint8Array, width: number, start: number): number[] {
  const shape = [start];
  pixels[start] = 0;
  for (let i = 0; i < shape.length; i++) {
    const at = shape[i] ?? 0;
    const x = at % width;
    for (const next of [x > 0 ? at - 1 : at, x < width - 1 ? at + 1 : at, at - width, at + width]) {
      if (!pixels[next]) continue; // dark, taken, or outside the picture
      pixels[next] = 0;
      shape.push(next);
    }
  }
  return shape;
}

function isLetterSized(shape: readonly number[], width: number): boolean {
  let [left, right, top, bottom] = [Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY, 0];
  for (const at of shape) {
    const x = at % width;
    const y = (at - x) / width;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return right - left <= LETTER.width && bottom - top <= LETTER.height;
}

/** The words that tesseract finds, in its reading order. */
export async function recogniseWords(picture: Picture, options: Recognition): Promise<Word[]> {
  // 11: sparse text, in no particular order, as on a screen with windows and buttons
  const { stdout } = await run(['tesseract', 'stdin', 'stdout', '--psm', '11', '--dpi', '150', 'tsv'], {
    input: enlargedPgm(picture, options),
    env: { OMP_THREAD_LIMIT: '1' },
    timeoutMs: 120_000,
  });
  return parseTsv(stdout, options.scale);
}

/** https://tesseract-ocr.github.io/tessdoc/Command-Line-Usage.html#tsv-output: level 5 rows are words. */
function parseTsv(tsv: string, scale: number): Word[] {
  const words: Word[] = [];
  const lines = new Map<string, number>();
  for (const row of tsv.split('\n').slice(1)) {
    const cells = row.split('\t');
    const text = cells[11]?.trim();
    if (cells[0] !== '5' || !text || Number(cells[10]) < 20) continue;
    const lineKey = cells.slice(1, 5).join('.');
    const line = lines.get(lineKey) ?? lines.size;
    lines.set(lineKey, line);
    const [left = 0, top = 0, width = 0, height = 0] = cells.slice(6, 10).map((n) => Number(n) / scale);
    words.push({ text, left, top, width, height, line });
  }
  return words;
}

/** The words as lines of text. */
export function textOf(words: readonly Word[]): string {
  let text = '';
  let line: number | undefined;
  for (const word of words) {
    text += line === undefined ? '' : word.line === line ? ' ' : '\n';
    text += word.text;
    line = word.line;
  }
  return text;
}

/**
 * Middle of the first place where the words of `wanted` stand one after the other, in this case: "Open" is a button, "open"
 * a word. Recognition now and then glues words together, so the spaces between them do not count.
 */
export function findWords(words: readonly Word[], wanted: string): { x: number; y: number } | undefined {
  const letters = wanted.replace(/\s+/g, '');
  for (let i = 0; i < words.length; i++) {
    const found: Word[] = [];
    for (let rest = letters; rest !== ''; ) {
      const word = words[i + found.length];
      const text = word?.text.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
      if (!word || !text || !rest.startsWith(text)) break;
      found.push(word);
      rest = rest.slice(text.length);
      if (rest === '') return middleOf(found);
    }
  }
  return undefined;
}

function middleOf(words: readonly Word[]): { x: number; y: number } {
  const left = Math.min(...words.map((w) => w.left));
  const right = Math.max(...words.map((w) => w.left + w.width));
  const top = Math.min(...words.map((w) => w.top));
  const bottom = Math.max(...words.map((w) => w.top + w.height));
  return { x: (left + right) / 2, y: (top + bottom) / 2 };
}
