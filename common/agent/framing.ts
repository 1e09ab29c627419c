/**
 * Frames on the serial port between host and guest: a marker of four bytes 0xFF, the length of the text in bytes (four
 * bytes, big endian, at most {@link FRAME_LIMIT}), and the text, JSON in UTF-8.
 *
 * A serial port has no beginning: an end that starts (or a host that takes over after a migration) finds the other in
 * the middle of a frame. Four bytes 0xFF stand nowhere else: UTF-8 has no such byte, and a length has two at most. So
 * whatever came before, the marker begins a frame, and what was unfinished is dropped.
 */

/** Longest text of a frame, in bytes. */
export const FRAME_LIMIT = 64 * 1024;

const MARKER = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const HEADER = MARKER.length + 4;

/** One frame. @throws RangeError when the message is longer than {@link FRAME_LIMIT} */
export function encodeFrame(message: unknown): Buffer {
  return encodeFrameText(JSON.stringify(message));
}

/** The same for a message that is JSON already. */
export function encodeFrameText(json: string): Buffer {
  const text = Buffer.from(json, 'utf8');
  if (text.length > FRAME_LIMIT) throw new RangeError(`a frame of ${text.length} bytes is too long`);
  const frame = Buffer.allocUnsafe(HEADER + text.length);
  MARKER.copy(frame);
  frame.writeUInt32BE(text.length, MARKER.length);
  text.copy(frame, HEADER);
  return frame;
}

/** What a decoder finds: a message (any JSON), or something that had to be dropped. */
export type Found = { kind: 'message'; value: unknown } | { kind: 'dropped'; bytes: number; why: DropReason };
export type DropReason = 'noMarker' | 'cutOff' | 'tooLong' | 'notJson';

/**
 * Takes bytes in pieces of any size and finds the frames. Never throws, and never holds more than one frame: whoever
 * sends garbage gets it dropped.
 */
export class FrameDecoder {
  /** Between frames (empty, or the beginning of a marker), or a frame from its marker on that is not complete. */
  #pending: Buffer = Buffer.alloc(0);
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true });

  /** Bytes that wait for the rest of their frame. */
  get held(): number {
    return this.#pending.length;
  }

  push(chunk: Uint8Array): Found[] {
    const found: Found[] = [];
    let rest = Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const start = rest.indexOf(MARKER);
      if (start < 0) {
        const kept = partOfMarker(rest);
        drop(found, rest.length - kept, 'noMarker');
        rest = rest.subarray(rest.length - kept);
        break;
      }
      drop(found, start, 'noMarker');
      rest = rest.subarray(start);
      const frame = this.#frame(rest);
      if (frame === undefined) break;
      if (frame.found) found.push(frame.found);
      rest = rest.subarray(frame.used);
    }
    // a copy: a view would keep the whole chunk alive
    this.#pending = Buffer.from(rest);
    return found;
  }

  /** What the marker at the beginning of `bytes` leads to, or undefined: more has to come. */
  #frame(bytes: Buffer): { used: number; found?: Found } | undefined {
    // A longer run of 0xFF: its last four are the marker.
    const run = endOfRun(bytes, MARKER.length);
    if (run > MARKER.length) return { used: run - MARKER.length };
    if (bytes.length < HEADER) return undefined;
    const length = bytes.readUInt32BE(MARKER.length);
    if (length > FRAME_LIMIT) {
      return { used: MARKER.length, found: { kind: 'dropped', bytes: MARKER.length, why: 'tooLong' } };
    }
    const end = HEADER + length;
    const broken = bytes.subarray(0, end).indexOf(0xff, HEADER);
    if (broken >= 0) {
      // The next frame's marker, or the beginning of one, which may reach back into what was taken for the length.
      let used = broken;
      while (used > MARKER.length && bytes[used - 1] === 0xff) used--;
      return { used, found: { kind: 'dropped', bytes: used, why: 'cutOff' } };
    }
    if (bytes.length < end) return undefined;
    return { used: end, found: this.#parse(bytes.subarray(HEADER, end)) };
  }

  #parse(text: Buffer): Found {
    try {
      return { kind: 'message', value: JSON.parse(this.#utf8.decode(text)) as unknown };
    } catch {
      return { kind: 'dropped', bytes: text.length, why: 'notJson' };
    }
  }
}

/** Where the run of bytes 0xFF that `from` may lie in ends. */
function endOfRun(bytes: Buffer, from: number): number {
  let end = from;
  while (bytes[end] === 0xff) end++;
  return end;
}

/** How many bytes 0xFF stand at the end (at most three): a marker may be coming. */
function partOfMarker(bytes: Buffer): number {
  let count = 0;
  while (count < MARKER.length - 1 && count < bytes.length && bytes[bytes.length - 1 - count] === 0xff) count++;
  return count;
}

function drop(found: Found[], bytes: number, why: DropReason): void {
  if (bytes > 0) found.push({ kind: 'dropped', bytes, why });
}
