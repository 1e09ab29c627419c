/** Rules of the house that no linter knows: which folder may import which, and where processes are started. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, normalize } from 'node:path';
import t from 'tap';

const folders = ['builder', 'client-runtime', 'server', 'guest-agent', 'pxe-less-boot', 'common', 'tests'];
const files = folders.flatMap((f) => globSync(`${f}/**/*.{ts,tsx}`)).filter((f) => !f.endsWith('.d.ts'));

/** Folder -> other folders that it may import, besides `common` and itself. */
const allowed: Record<string, string[]> = {
  common: [],
  server: [],
  'client-runtime': [],
  'guest-agent': [],
  'pxe-less-boot': [],
  builder: ['pxe-less-boot', 'client-runtime', 'server', 'guest-agent'],
  tests: folders,
};

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((m) => m[1] ?? '');
}

t.test('server and PC share code only through common/', async (t) => {
  for (const file of files) {
    const from = file.split('/')[0] ?? '';
    for (const target of importsOf(file)) {
      const path = target.startsWith('#common/')
        ? target.slice(1)
        : target.startsWith('.')
          ? normalize(`${dirname(file)}/${target}`)
          : undefined;
      const to = path?.split('/')[0];
      if (!to || to === from || to === 'common' || !folders.includes(to)) continue;
      t.ok(allowed[from]?.includes(to), `${file} imports ${path}`);
    }
  }
  t.ok(files.length > 0);
});

t.test('only the runner and the long-running process module start processes', async (t) => {
  const starters = files.filter(
    (f) =>
      !f.startsWith('tests/unit/') && importsOf(f).some((i) => i === 'node:child_process' || i === 'child_process'),
  );
  const known = ['common/run.ts', 'common/process.ts'];
  t.same(
    starters.filter((f) => !known.includes(f)),
    [],
  );
});
