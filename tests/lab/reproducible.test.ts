/** Two builds of the same inputs give the same bytes. Reuses the cached root layer; everything above it is made anew. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { run } from '#common/run.ts';
import type { Manifest } from '../../builder/artefacts.ts';
import { CHECKOUT } from '../../builder/context.ts';

async function build(out: string): Promise<Manifest> {
  await run(['sh', join(CHECKOUT, 'builder/with-node.sh'), join(CHECKOUT, 'builder/main.ts'), 'client', '--out', out], {
    timeoutMs: 30 * 60_000,
    env: process.env.XDG_CACHE_HOME ? { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME } : {},
  });
  return JSON.parse(await readFile(join(out, 'client/manifest.json'), 'utf8')) as Manifest;
}

t.test('two builds of the client give the same initrd, kernel and ISO', { timeout: 0 }, async (t) => {
  const out = await mkdtemp(join(tmpdir(), 'flexdeploy-reproducible-'));
  t.teardown(() => rm(out, { recursive: true, force: true }));
  const first = await build(join(out, 'first'));
  await rm(join(out, 'first'), { recursive: true });
  const second = await build(join(out, 'second'));
  t.same(second.layers, first.layers);
  t.same(second.files, first.files);
  t.same(
    first.files.map((f) => f.name),
    ['flexdeploy-client.iso', 'initrd.img', 'vmlinuz'],
  );
});
