import t from 'tap';
import { LineLink } from '#common/gjs/line-link.ts';

/** A line, or how reading ends. */
type Read = string | null | Error;

/** What gjs has, as far as a link uses it: the test says what each call leads to. */
function fakeGjs() {
  const sent: string[] = [];
  const waiting: { path?: string; connected?: () => void; read?: () => void; timer?: () => void; ms?: number } = {};
  let next: Read = null;
  let refuse = false;
  const connection = {
    get_input_stream: () => connection,
    get_output_stream: () => ({ write_all: (data: Uint8Array) => sent.push(new TextDecoder().decode(data)) }),
    close: () => sent.push('closed'),
  };
  const gio = {
    UnixSocketAddress: { new: (path: string) => ({ path }) },
    SocketClient: class {
      connect_async(address: object, _: null, done: (client: this, result: object) => void): void {
        waiting.path = (address as { path: string }).path;
        waiting.connected = () => done(this, {});
      }
      connect_finish() {
        if (refuse) throw new Error('nobody there');
        return connection;
      }
    },
    DataInputStream: class {
      read_line_async(_: number, __: null, done: (stream: this, result: object) => void): void {
        waiting.read = () => done(this, {});
      }
      read_line_finish_utf8(): [string | null, number] {
        if (next instanceof Error) throw next;
        return [next, 0];
      }
    },
  };
  const glib = {
    PRIORITY_DEFAULT: 0,
    SOURCE_REMOVE: false,
    timeout_add(_: number, ms: number, callback: () => boolean): number {
      waiting.ms = ms;
      waiting.timer = () => void callback();
      return 1;
    },
  };
  return {
    ...{ gio, glib, sent, waiting },
    connect(absent = false) {
      refuse = absent;
      waiting.connected?.();
    },
    read(what: Read) {
      next = what;
      waiting.read?.();
    },
  };
}

t.test('a line link under gjs tells lines, and connects again by itself', async (t) => {
  const gjs = fakeGjs();
  const heard: unknown[] = [];
  const link = new LineLink({
    ...{ gio: gjs.gio, glib: gjs.glib, path: '/run/x.sock', retryMs: 500 },
    onConnected: () => heard.push('connected'),
    onLine: (line) => heard.push(line),
    onAbsent: () => heard.push('absent'),
    onEnded: (error) => heard.push(['ended', error]),
  });
  link.start();
  t.equal(gjs.waiting.path, '/run/x.sock');
  t.notOk(link.send({ early: true }), 'nobody is there yet');
  gjs.connect(true);
  t.equal(gjs.waiting.ms, 500);
  gjs.waiting.timer?.();
  gjs.connect();
  t.ok(link.send({ event: 'ready' }));
  gjs.read('one');
  gjs.read('two');
  const error = new Error('broken');
  gjs.read(error);
  t.notOk(link.send({ late: true }));
  gjs.waiting.timer?.();
  gjs.connect();
  gjs.read(null);
  t.same(heard, ['absent', 'connected', 'one', 'two', ['ended', error], 'connected', ['ended', undefined]]);
  t.same(gjs.sent, ['{"event":"ready"}\n', 'closed', 'closed']);
});
