import t from 'tap';
import { updateDocument } from '../bench/document.ts';
import { type Figure, jsonLine, median, ratio, textTable } from '../bench/figure.ts';

const boot: Figure = { name: 'boot', ours: 40.04, peer: 100, unit: 's', aim: 'half or less', met: true };
const alone: Figure = { name: 'first-frame', ours: 2.3456, peer: null, unit: 's', aim: 'none', met: false };

t.test('the median is the middle, or between the two middle ones', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 3, 2]), 2.5);
  t.equal(median([7]), 7);
  t.throws(() => median([]));
});

t.test('the ratio needs something to compare with', async (t) => {
  t.equal(ratio({ ours: 1, peer: 4 }), 0.25);
  t.equal(ratio({ ours: 1, peer: null }), null);
  t.equal(ratio({ ours: 1, peer: 0 }), null);
});

t.test('a JSON line has the agreed keys and no needless digits', async (t) => {
  t.equal(jsonLine(boot), '{"name":"boot","ours":40.04,"peer":100,"unit":"s","ratio":0.4,"aim":"half or less"}');
  t.equal(jsonLine(alone), '{"name":"first-frame","ours":2.346,"peer":null,"unit":"s","ratio":null,"aim":"none"}');
});

t.test('the table lines up and says what was met', async (t) => {
  t.equal(
    textTable([boot, alone]),
    [
      'name         ours  peer  unit  ratio  aim           met?',
      'boot         40.0  100   s     0.40   half or less  yes',
      'first-frame  2.3   -     s     -      none          NO',
    ].join('\n'),
  );
});

t.test('a new figure replaces its row in the document and nothing else', async (t) => {
  const order = ['boot', 'first-frame'];
  const monday = { date: '2026-01-05', commit: 'aaaaaaa', processors: '2 x CPU', load: 0.04 };
  const first = updateDocument(
    '# Numbers\n\n<!-- figures --><!-- end of figures -->\n\nWords.\n',
    [alone],
    monday,
    order,
  );
  t.match(
    first,
    /^# Numbers\n\n[\s\S]*\| first-frame \| 2\.3 \| - \|.* 2026-01-05 \| aaaaaaa \| 2 x CPU, load 0\.0 \|\n[\s\S]*\n\nWords\.\n$/,
  );
  const second = updateDocument(first, [boot], { ...monday, date: '2026-01-06' }, order);
  t.match(second, /\| boot \|.*2026-01-06.*\n\| first-frame \|.*2026-01-05/);
  t.equal(
    updateDocument(second, [boot], { ...monday, date: '2026-01-06' }, order),
    second,
    'and once more changes nothing',
  );
  t.match(
    updateDocument('', [boot], monday, order),
    /^# Benchmarks\n\n<!-- figures -->\n\| name /,
    'also without a document',
  );
});
