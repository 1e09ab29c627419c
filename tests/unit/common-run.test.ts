import t from 'tap';
import { RunError, run, shellLine } from '#common/run.ts';

t.test('a program gets its arguments as they are, without a shell', async (t) => {
  const { stdout } = await run(['printf', '%s|', 'a b', '$HOME', "it's", '']);
  t.equal(stdout, "a b|$HOME|it's||");
});

t.test('input is passed on, and is empty otherwise', async (t) => {
  t.equal((await run(['cat'], { input: 'hello' })).stdout, 'hello');
  t.equal((await run(['cat'])).stdout, '');
});

t.test('what the environment holds does not leak in', async (t) => {
  process.env.SOME_SECRET = 'x';
  const { stdout } = await run(['env'], { env: { ONE: '1' } });
  const names = stdout.split('\n').map((l) => l.split('=')[0]);
  t.ok(names.includes('PATH') && names.includes('HOME') && names.includes('ONE'));
  t.notOk(names.includes('SOME_SECRET'));
});

t.test('a failing program is told with its code, its last words and a line one can paste', async (t) => {
  const error = await run(['sh', '-c', 'echo no such thing >&2; exit 3']).catch((e: unknown) => e);
  if (!(error instanceof RunError)) return t.fail('not a RunError');
  t.equal(error.code, 3);
  t.match(error.message, /sh exited with 3\n {2}sh -c 'echo no such thing >&2; exit 3'\nno such thing/);
});

t.test('a code that is named as fine is no failure', async (t) => {
  t.equal((await run(['sh', '-c', 'exit 2'], { okExitCodes: [0, 2] })).code, 2);
});

t.test('a missing program is told by name', async (t) => {
  await t.rejects(run(['no-such-program-here']), /cannot start no-such-program-here: program not found/);
});

t.test('a program that takes too long is ended', async (t) => {
  await t.rejects(run(['sleep', '60'], { timeoutMs: 100 }), /sleep took longer than 0.1 s/);
});

t.test('an abort ends the program and rejects with its reason', async (t) => {
  const controller = new AbortController();
  const running = run(['sleep', '60'], { signal: controller.signal });
  controller.abort(new Error('not wanted any more'));
  await t.rejects(running, /not wanted any more/);
});

t.test('secrets do not show in errors', async (t) => {
  const error = await run(['sh', '-c', 'echo key=hunter2 >&2; exit 1', 'hunter2'], { secrets: ['hunter2'] }).catch(
    (e: unknown) => e,
  );
  t.notMatch(String(error), /hunter2/);
  t.match(String(error), /key=\*\*\*/);
});

t.test('lines come as they are written, the last one without its newline too', async (t) => {
  const lines: string[] = [];
  await run(['printf', 'one\\ntwo\\nthree'], { onLine: (line, stream) => lines.push(`${stream}:${line}`) });
  t.same(lines, ['stdout:one', 'stdout:two', 'stdout:three']);
});

t.test('a command line for people reads back as the same arguments', async (t) => {
  const argv = ['echo', 'plain', 'two words', "it's", '', '$x;`y`'];
  const { stdout } = await run(['sh', '-c', `for a in ${shellLine(argv)}; do printf '%s\\n' "$a"; done`]);
  t.same(stdout.split('\n').slice(0, -1), argv);
});
