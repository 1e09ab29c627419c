import fc from 'fast-check';
import t from 'tap';
import { encodeFrame, FRAME_LIMIT, FrameDecoder } from '#common/agent/framing.ts';

const RUNS = 3000;

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % Math.max(1, sizes.length)] ?? 1);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

function decode(pieces: readonly Uint8Array[]): { messages: unknown[]; dropped: string[] } {
  const decoder = new FrameDecoder();
  const found = pieces.flatMap((piece) => decoder.push(piece));
  return {
    messages: found.flatMap((f) => (f.kind === 'message' ? [f.value] : [])),
    dropped: found.flatMap((f) => (f.kind === 'dropped' ? [f.why] : [])),
  };
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
const normal = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

t.test('messages come out as they went in, however the bytes are cut', async () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 6 }), sizes, (messages, sizes) => {
      const bytes = Buffer.concat(messages.map(encodeFrame));
      const { messages: got, dropped } = decode(cut(bytes, sizes));
      return dropped.length === 0 && JSON.stringify(got) === JSON.stringify(messages.map(normal));
    }),
    { numRuns: RUNS },
  );
});

t.test('whatever came before, the next frame is understood', async () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.constantFrom(0xff, 0, 1, 0x7b), { maxLength: 40 }).map((a) => Uint8Array.from(a)),
    // a frame that breaks off
    fc
      .tuple(fc.jsonValue(), fc.nat())
      .map(([value, n]) => encodeFrame(value).subarray(0, n % encodeFrame(value).length)),
  );
  fc.assert(
    fc.property(fc.array(noise, { maxLength: 4 }), sizes, (noises, sizes) => {
      const good = { type: 'ping' };
      // a marker that the noise ends with may swallow its own frame's beginning, never the next one's
      const bytes = Buffer.concat([...noises, encodeFrame(good)]);
      const { messages } = decode(cut(bytes, sizes));
      return JSON.stringify(messages.at(-1)) === JSON.stringify(good);
    }),
    { numRuns: RUNS },
  );
});

t.test('frames that are lost, doubled or damaged cost nothing but themselves', async () => {
  const fate = fc.constantFrom('whole', 'lost', 'twice', 'beginning', 'end');
  fc.assert(
    fc.property(fc.array(fate, { minLength: 1, maxLength: 12 }), sizes, (fates, sizes) => {
      const wanted: number[] = [];
      let open = false;
      const parts = fates.flatMap((fate, n) => {
        const frame = encodeFrame({ n });
        // a beginning and the end of another would be a frame
        if (fate === 'end' && open) return [];
        if (fate !== 'lost') open = fate === 'beginning';
        if (fate === 'whole') wanted.push(n);
        if (fate === 'twice') wanted.push(n, n);
        const half = Math.floor(frame.length / 2);
        return {
          whole: [frame],
          lost: [],
          twice: [frame, frame],
          beginning: [frame.subarray(0, half)],
          end: [frame.subarray(half)],
        }[fate];
      });
      const { messages } = decode(cut(Buffer.concat(parts), sizes));
      return JSON.stringify(messages.map((m) => (m as { n: number }).n)) === JSON.stringify(wanted);
    }),
    { numRuns: RUNS },
  );
});

t.test('a decoder never throws and never holds more than a frame', async () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 4000 }),
    fc.constant(Buffer.alloc(200_000, 0xff)),
    fc.constant(Buffer.alloc(200_000, 0x20)),
    fc.constant(Buffer.concat([Buffer.alloc(4, 0xff), Buffer.from([0, 1, 0, 0]), Buffer.alloc(70_000, 0x5b)])),
    fc.constant(Buffer.concat([Buffer.alloc(4, 0xff), Buffer.from([0x7f, 0xff, 0xff, 0xff])])),
    fc.constant(Buffer.concat([Buffer.alloc(4, 0xff), Buffer.alloc(4)])),
  );
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 6 }), (chunks) => {
      const decoder = new FrameDecoder();
      for (const chunk of chunks) {
        decoder.push(chunk);
        if (decoder.held > FRAME_LIMIT + 8) return false;
      }
      return true;
    }),
    { numRuns: RUNS },
  );
});

t.test('what is too long is not sent, and is not waited for', async (t) => {
  t.throws(() => encodeFrame('x'.repeat(FRAME_LIMIT)), RangeError);
  const longest = 'x'.repeat(FRAME_LIMIT - 2);
  t.same(decode([encodeFrame(longest)]).messages, [longest]);
  const header = Buffer.concat([Buffer.alloc(4, 0xff), Buffer.from([0, 1, 0, 1])]);
  t.same(decode([header, encodeFrame(1)]), { messages: [1], dropped: ['tooLong', 'noMarker'] });
  const deep = Buffer.from('['.repeat(FRAME_LIMIT));
  const frame = Buffer.concat([Buffer.alloc(4, 0xff), Buffer.from([0, 1, 0, 0]), deep]);
  t.same(decode([frame, encodeFrame(2)]), { messages: [2], dropped: ['notJson'] });
});
