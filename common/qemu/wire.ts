/**
 * QMP on the wire (docs/interop/qmp-spec in QEMU): one JSON object a line. Bytes in, typed messages out; no I/O here.
 */

/** A line longer than this is not QEMU talking sense: the biggest answer, `query-qmp-schema`, has about 300 KiB. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;

export interface QmpEvent {
  name: string;
  data: Record<string, unknown>;
  /** Milliseconds since the epoch, by QEMU's clock. */
  at: number;
}

export type WireMessage =
  | { kind: 'greeting'; version: string }
  | { kind: 'return'; id: number | undefined; value: unknown }
  | { kind: 'error'; id: number | undefined; class: string; description: string }
  | { kind: 'event'; event: QmpEvent }
  /** Something QMP does not have; the connection cannot be trusted after it. */
  | { kind: 'malformed'; why: string };

/** Cuts a byte stream into QMP messages, however the bytes were split on the way. */
export class WireParser {
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** Messages completed by these bytes. After a `malformed` one the rest of the stream is not worth reading. */
  push(chunk: Uint8Array): WireMessage[] {
    const messages: WireMessage[] = [];
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#pending, rest.subarray(0, end)]);
      this.#pending = [];
      this.#pendingBytes = 0;
      rest = rest.subarray(end + 1);
      if (line.length > MAX_LINE_BYTES) messages.push({ kind: 'malformed', why: `a line of ${line.length} bytes` });
      else if (line.toString('utf8').trim() !== '') messages.push(parseLine(line.toString('utf8')));
    }
    if (rest.length > 0) {
      this.#pending.push(Buffer.from(rest)); // a copy: the socket may use its buffer again
      this.#pendingBytes += rest.length;
    }
    if (this.#pendingBytes > MAX_LINE_BYTES) {
      messages.push({ kind: 'malformed', why: `more than ${MAX_LINE_BYTES} bytes without an end of line` });
      this.#pending = [];
      this.#pendingBytes = 0;
    }
    return messages;
  }
}

/** A command as the bytes to send. */
export function encodeCommand(id: number, command: string, args: Record<string, unknown> | undefined): string {
  return `${JSON.stringify({ execute: command, ...(args && { arguments: args }), id })}\r\n`;
}

/** Parses one line. Never throws. */
export function parseLine(line: string): WireMessage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { kind: 'malformed', why: 'a line that is not JSON' };
  }
  if (!isObject(value)) return { kind: 'malformed', why: 'a line that is not a JSON object' };
  if (isObject(value.QMP)) return { kind: 'greeting', version: versionOf(value.QMP) };
  if (typeof value.event === 'string') {
    const data = isObject(value.data) ? value.data : {};
    return { kind: 'event', event: { name: value.event, data, at: timeOf(value.timestamp) } };
  }
  const id = typeof value.id === 'number' ? value.id : undefined;
  if (isObject(value.error)) {
    const { class: errorClass, desc } = value.error;
    return { kind: 'error', id, class: String(errorClass ?? ''), description: String(desc ?? 'no description') };
  }
  if ('return' in value) return { kind: 'return', id, value: value.return };
  return { kind: 'malformed', why: 'neither greeting, answer nor event' };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function versionOf(greeting: Record<string, unknown>): string {
  const version = isObject(greeting.version) ? greeting.version : {};
  const { major, minor, micro } = isObject(version.qemu) ? version.qemu : {};
  return [major, minor, micro].map((n) => (typeof n === 'number' ? n : 0)).join('.');
}

function timeOf(timestamp: unknown): number {
  if (!isObject(timestamp)) return 0;
  const { seconds, microseconds } = timestamp;
  return Math.round(Number(seconds ?? 0) * 1000 + Number(microseconds ?? 0) / 1000) || 0;
}
