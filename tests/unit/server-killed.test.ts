import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Type } from 'typebox';
import { PinnedClient } from '#common/http/pinned-client.ts';
import { type LongProcess, startProcess } from '#common/process.ts';
import { LoggedIn, User } from '#common/protocol/client-server.ts';
import { Desktop } from '#common/protocol/desktop.ts';
import { makeDesktop, makeImage, PASSWORD } from './server/start.ts';

const PROGRAM = fileURLToPath(new URL('./server/until-killed.ts', import.meta.url));

t.setTimeout(120_000);

t.test(
  'killed in the middle of everything, again and again: what was answered is there, nothing is half',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-killed-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const users = new Set<string>();
    const desktops = new Set<string>();
    const tokens = new Set<string>();
    let ca: string | undefined;
    for (let round = 0; round < 4; round += 1) {
      const { process, access } = await start(folder);
      ca ??= access.ca;
      t.equal(access.ca, ca, 'the CA is the same');
      const root = new PinnedClient(access);
      const names = (await root.call({ path: '/users', answer: Type.Array(User) })).map((u) => u.name);
      t.same(
        [...users].filter((u) => !names.includes(u)),
        [],
        'no user is lost',
      );
      const there = (await root.call({ path: '/desktops', answer: Type.Array(Desktop) })).map((d) => d.name);
      t.same(
        [...desktops].filter((d) => !there.includes(d)),
        [],
        'no desktop is lost',
      );
      for (const token of tokens) await new PinnedClient({ ...access, token }).call({ path: '/sessions/current' });
      if (round === 0) await makeImage(root, 'debian-1');
      const work = Array.from({ length: 12 }, async (_, i) => {
        for (let n = 0; ; n += 1) {
          const name = `u${round}-${i}-${n}`;
          await root.call({ method: 'POST', path: '/users', body: { name, password: PASSWORD } });
          users.add(name);
          await makeDesktop(root, `d${name}`, name, 'debian-1');
          desktops.add(`d${name}`);
          const body = { user: name, password: PASSWORD };
          tokens.add((await root.call({ method: 'POST', path: '/sessions', body, answer: LoggedIn })).token);
        }
      });
      setTimeout(() => process.kill('SIGKILL'), 600 + round * 150);
      await Promise.allSettled(work);
      await process.exited;
      root.close();
    }
    const database = new DatabaseSync(join(folder, 'state/flexdeploy.sqlite'));
    t.match(database.prepare('PRAGMA integrity_check').get(), { integrity_check: 'ok' });
    database.close();
    t.ok(users.size > 5 && desktops.size > 2, `${users.size} users, ${desktops.size} desktops`);
  },
);

async function start(folder: string) {
  const accessFile = join(folder, 'run/admin.json');
  await rm(accessFile, { force: true });
  const argv = [globalThis.process.execPath, PROGRAM, folder] as [string, ...string[]];
  const process: LongProcess = await startProcess(argv, { logFile: join(folder, 'log') });
  for (;;) {
    const text = await readFile(accessFile, 'utf8').catch(() => undefined);
    if (text !== undefined)
      return { process, access: JSON.parse(text) as { server: string; ca: string; token: string } };
    if (!process.running) throw await process.failure();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
