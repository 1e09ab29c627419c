/** The two kinds of port on a FIFO, which gives back what was written to it: a line whose other end echoes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { encodeFrame, FrameDecoder } from '#common/agent/framing.ts';
import { run } from '#common/run.ts';
import type { GuestPort, PortState } from '../../guest-agent/port/guest-port.ts';
import { PolledPort } from '../../guest-agent/port/polled-port.ts';
import { TurnPort } from '../../guest-agent/port/turn-port.ts';
import { until } from './until.ts';

async function on(t: { teardown(fn: () => unknown): void }, make: (path: string) => GuestPort) {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
  const path = join(folder, 'port');
  const port = make(path);
  const decoder = new FrameDecoder();
  const states: PortState['kind'][] = [];
  const got: unknown[] = [];
  port.start({
    onState: ({ kind }) => states.push(kind),
    onBytes: (bytes) => {
      for (const found of decoder.push(bytes)) if (found.kind === 'message') got.push(found.value);
    },
  });
  t.teardown(async () => {
    port.close();
    await rm(folder, { recursive: true });
  });
  const opened = () =>
    until(
      () => states.at(-1) === 'open',
      async () => `it opens: ${states.join()}`,
    );
  return { path, port, states, got, opened };
}

for (const [name, make] of [
  ['polled (Linux)', (path: string) => new PolledPort(path)],
  ['taking turns (Windows)', (path: string) => new TurnPort(path)],
] as const) {
  t.test(`${name}: a port that comes later is found, and carries frames whole`, async (t) => {
    const { path, port, states, got, opened } = await on(t, make);
    await until(() => states.includes('missing'));
    await run(['mkfifo', path]);
    await opened();
    const frames = [1, 2, 3].map((n) => ({ n, text: 'ç'.repeat(n * 2000) }));
    for (const frame of frames) port.write(encodeFrame(frame));
    await until(() => got.filter((m) => (m as { n?: number }).n !== undefined).length >= 3);
    t.same(
      got.filter((m) => (m as { n?: number }).n !== undefined),
      frames,
    );
  });
}

t.test('polled: a host that does not read costs old frames, not memory, and new ones come whole', async (t) => {
  const { path, port, got, opened } = await on(t, (p) => new PolledPort(p));
  await run(['mkfifo', path]);
  await opened();
  // more than a pipe holds (64 KiB), all in one turn of the event loop: nobody reads meanwhile
  for (let n = 0; n < 60; n++) port.write(encodeFrame({ n, text: 'x'.repeat(8000) }));
  await until(() => got.some((m) => (m as { n: number }).n === 59));
  const numbers = got.map((m) => (m as { n: number }).n);
  t.equal(numbers.at(-1), 59, 'the newest is there');
  t.ok(numbers.length < 40, `${numbers.length} of 60`);
  t.same(
    numbers,
    numbers.toSorted((a, b) => a - b),
    'in order',
  );
});
