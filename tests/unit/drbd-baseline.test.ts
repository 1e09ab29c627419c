import fc from 'fast-check';
import t from 'tap';
import { canBegin, gapsIn, metadataText, type Range, worthCopying } from '#common/drbd/baseline.ts';
import { diskSize } from '#common/drbd/resource.ts';
import { ThinDump } from '#common/lvm/thin-map.ts';

const MIB = 1024 ** 2;
const CHUNK = 65_536;

/** A disk and which of its chunks are mapped, ascending: runs of some chunks, with short and long gaps in between. */
const disks = fc.record({
  diskBytes: fc.integer({ min: 1, max: 800 * MIB }).map(diskSize),
  runs: fc.array(
    fc.record({
      gap: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 1200 })),
      chunks: fc.nat(40),
    }),
    { maxLength: 60 },
  ),
});

function mappedOf(runs: readonly { gap: number; chunks: number }[], diskBytes: number): Range[] {
  const found: Range[] = [];
  let at = 0;
  for (const { gap, chunks } of runs) {
    const from = at + gap * CHUNK;
    const bytes = Math.min((1 + chunks) * CHUNK, diskBytes - from);
    if (bytes <= 0) break;
    found.push({ from, bytes });
    at = from + bytes;
  }
  return found;
}

t.test('what is copied and what is made zero are the disk, and nothing that is mapped is made zero', async (t) => {
  const holds = fc.property(disks, ({ diskBytes, runs }) => {
    const mapped = mappedOf(runs, diskBytes);
    const used = worthCopying(mapped, diskBytes);
    const gaps = gapsIn(used, diskBytes);
    const covered = [...used, ...gaps].toSorted((a, b) => a.from - b.from);
    const end = covered.reduce((at, { from, bytes }) => (from === at && bytes > 0 ? at + bytes : Number.NaN), 0);
    const rest = diskBytes - end; // less than a MiB; always copied
    const lost = mapped.some((m) => gaps.some((g) => m.from < g.from + g.bytes && g.from < m.from + m.bytes));
    const text = metadataText({ uuid: '0'.repeat(16), used }, { diskBytes, largestRequest: MIB });
    const words = [...text.matchAll(/(\d+) times/g)].reduce((sum, [, times]) => sum + Number(times), 0);
    const bitmap = words * 64 * 4096 + 4096;
    return rest > 0 && rest < MIB && !lost && bitmap === diskBytes && text.includes('\n  0x0000000000000001;\n}');
  });
  t.doesNotThrow(() => fc.assert(holds, { numRuns: 1000 }));
});

t.test('pieces are whole MiB, and short gaps are copied', async (t) => {
  const mapped = [
    { from: CHUNK, bytes: CHUNK },
    { from: 10 * MIB, bytes: CHUNK },
    { from: 40 * MIB - CHUNK, bytes: 2 * CHUNK },
    { from: 64 * MIB, bytes: CHUNK }, // behind the last whole MiB
  ];
  t.same(worthCopying(mapped, diskSize(64 * MIB)), [
    { from: 0, bytes: 11 * MIB },
    { from: 39 * MIB, bytes: 2 * MIB },
  ]);
  t.same(worthCopying([], 64 * MIB), [], 'nothing was ever written');
  t.same(gapsIn([], 64 * MIB), [{ from: 0, bytes: 64 * MIB }]);
  t.same(gapsIn([{ from: 0, bytes: 64 * MIB }], 64 * MIB), [], 'all of it is used');
});

t.test('what is no piece of the disk is refused', async (t) => {
  const refused = (used: Range[], diskBytes = 64 * MIB) =>
    t.throws(() => gapsIn(used, diskBytes), JSON.stringify(used));
  refused([{ from: 60 * MIB, bytes: 8 * MIB }]);
  refused([{ from: 100, bytes: MIB }]);
  refused([{ from: MIB, bytes: 100 }]);
  refused([{ from: -MIB, bytes: MIB }]);
  refused([
    { from: 4 * MIB, bytes: 4 * MIB },
    { from: 6 * MIB, bytes: MIB },
  ]);
  const text = (diskBytes: number) => () =>
    metadataText({ uuid: '0'.repeat(16), used: [] }, { diskBytes, largestRequest: MIB });
  t.equal(canBegin(64 * MIB), false, 'DRBD would forget its last 256 KiB');
  t.throws(text(64 * MIB));
  t.equal(canBegin(64 * MIB + 512), false);
  t.throws(text(64 * MIB + 512));
});

t.test('the metadata lack what is used, and nothing else', async (t) => {
  const used = [{ from: 16 * MIB, bytes: 2 * MIB }];
  const text = metadataText(
    { uuid: '1234567890ABCDE0', used },
    { diskBytes: diskSize(64 * MIB + 1), largestRequest: MIB },
  );
  t.match(text, 'uuid { 0x1234567890ABCDE0; 0x0000000000000000;');
  t.match(text, 'flags 0x00000000;', 'neither consistent nor up to date');
  t.match(text, 'la-size-sect 131592;');
  t.match(
    text,
    'bm {\n  64 times 0x0000000000000000;\n  8 times 0xFFFFFFFFFFFFFFFF;\n  184 times 0x0000000000000000;\n' +
      '  1 times 0xFFFFFFFFFFFFFFFF;\n  0x0000000000000001;\n}\n',
  );
});

function dump(...lines: string[]): ThinDump {
  const map = new ThinDump();
  for (const line of lines) map.take(line);
  return map;
}

const SUPERBLOCK =
  '<superblock uuid="" time="1" transaction="2" version="2" data_block_size="128" nr_data_blocks="99">';
const device = (blocks: number) => `  <device dev_id="1" mapped_blocks="${blocks}" transaction="0" creation_time="0">`;
const END = ['  </device>', '</superblock>'];

t.test('the mappings of a volume, from thin_dump', async (t) => {
  const map = dump(
    SUPERBLOCK,
    device(13),
    '    <range_mapping origin_begin="0" data_begin="7" length="10" time="0"/>',
    '    <single_mapping origin_block="10" data_block="30" time="1"/>',
    '    <single_mapping origin_block="60" data_block="2" time="0"/>',
    '    <single_mapping origin_block="62" data_block="3" time="0"/>',
    ...END,
  );
  t.same(map.ranges, [
    { from: 0, bytes: 11 * CHUNK },
    { from: 60 * CHUNK, bytes: CHUNK },
    { from: 62 * CHUNK, bytes: CHUNK },
  ]);
  t.same(dump(SUPERBLOCK, device(0), ...END).ranges, [], 'an empty volume');
});

t.test('mappings that are not all there are not believed', async (t) => {
  const one = '    <single_mapping origin_block="10" data_block="30" time="1"/>';
  const refused = (why: string, ...lines: string[]) =>
    t.throws(() => dump(...lines).ranges, { message: /thin_dump/ }, why);
  refused('cut off', SUPERBLOCK, device(1), one);
  refused('fewer than the pool counts', SUPERBLOCK, device(2), one, ...END);
  refused('told elsewhere', SUPERBLOCK, device(1), '    <ref name="3"/>', ...END);
  refused('not in their order', SUPERBLOCK, device(2), one, one, ...END);
  refused('of no volume', SUPERBLOCK, '</superblock>');
  refused('nothing at all');
});
