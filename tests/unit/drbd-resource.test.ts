import fc from 'fast-check';
import t from 'tap';
import { type DrbdEnd, type DrbdResource, diskSize, hasPeer, renderResource } from '#common/drbd/resource.ts';

const pc: DrbdEnd = {
  address: '10.86.0.9',
  port: 20007,
  minor: 0,
  disk: '/dev/mapper/flexdeploy-disk',
  meta: '/dev/ram0',
};
const resource: DrbdResource = {
  name: 'desk-0123456789abcdef',
  server: {
    address: '10.86.0.1',
    port: 20007,
    minor: 7,
    disk: '/dev/flexdeploy/desk-0123456789abcdef',
    meta: '/dev/flexdeploy/meta-0123456789abcdef',
  },
  pc,
  diskBytes: 20 * 1024 ** 3 + 4096,
  protocol: 'A',
  twoPrimaries: false,
  secret: 'bm90IGEgc2VjcmV0LCBhIHRlc3Q',
  discardGranularityBytes: 65536,
};

t.test('a disk is a bit longer than whole words of the bitmap', async (t) => {
  const WORD = 256 * 1024;
  for (const bytes of [1, WORD - 1, WORD, WORD + 4096, WORD + 4097, 20 * 1024 ** 3]) {
    const size = diskSize(bytes);
    t.ok(size >= bytes && size < bytes + WORD + 4096, `${bytes} bytes fit into ${size}`);
    t.equal(size % WORD, 4096);
  }
});

t.test('the text of an attached desktop', async (t) => {
  t.matchSnapshot(renderResource(resource));
  t.ok(hasPeer(renderResource(resource)));
});

t.test('the text of a desktop in the middle of a move', async (t) => {
  const text = renderResource({ ...resource, protocol: 'C', twoPrimaries: true });
  t.match(text, /protocol C;/);
  t.match(text, /allow-two-primaries yes;/);
  t.match(text, /on-congestion block;/, 'protocol C cannot pull ahead');
});

t.test('without a PC there is a placeholder that nobody connects to', async (t) => {
  const text = renderResource({ ...resource, pc: undefined });
  t.notOk(hasPeer(text));
  t.match(text, /on pc \{/);
});

t.test('limit, comparing, freezing', async (t) => {
  t.match(renderResource({ ...resource, limitKiBps: 5000 }), /resync-rate 5000K;\n\s+c-min-rate 0;/);
  const compare = renderResource({ ...resource, compare: true });
  t.match(compare, /csums-alg sha256;/);
  t.match(renderResource({ ...resource, protocol: 'C', freezeWithoutPeer: true }), /fencing resource-and-stonith;/);
});

t.test('two primaries and freezing need protocol C', async (t) => {
  t.throws(() => renderResource({ ...resource, twoPrimaries: true }), /protocol C/);
  t.throws(() => renderResource({ ...resource, freezeWithoutPeer: true }), /protocol C/);
});

t.test('what the format cannot hold is refused, and the secret is not told', async (t) => {
  const bad: Partial<DrbdResource>[] = [
    { name: 'desk x' },
    { name: 'desk"; }' },
    { secret: 'short' },
    { secret: 'with "quotes" in it, long enough' },
    { diskBytes: 0 },
    { diskBytes: 1000 },
    { limitKiBps: 0 },
    { limitKiBps: 1.5 },
    { discardGranularityBytes: 1 },
    { pc: { ...pc, address: '10.86.0.9; }' } },
    { pc: { ...pc, address: '::1' } },
    { pc: { ...pc, port: 0 } },
    { pc: { ...pc, minor: -1 } },
    { pc: { ...pc, disk: 'sda' } },
    { pc: { ...pc, disk: '/dev/sda;' } },
    { pc: { ...pc, meta: '/dev/ram 0' } },
  ];
  for (const change of bad) t.throws(() => renderResource({ ...resource, ...change }), JSON.stringify(change));
  try {
    renderResource({ ...resource, secret: 'so secret; }' });
  } catch (error) {
    t.notMatch(String(error), /so secret/);
  }
});

t.test('no string gets out of its place', async () => {
  const lines = renderResource(resource).split('\n').length;
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('name', 'secret', 'disk', 'meta', 'address'), (value, field) => {
      const change =
        field === 'name' || field === 'secret'
          ? { [field]: value }
          : { server: { ...resource.server, [field]: value } };
      try {
        return renderResource({ ...resource, ...change }).split('\n').length === lines && !/[;{}"\s]/.test(value);
      } catch {
        return true;
      }
    }),
  );
});
