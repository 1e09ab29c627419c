import t from 'tap';
import { DrbdEvents, parseNow } from '#common/drbd/events.ts';

const NOW = `exists resource name:desk-a role:Primary suspended:no write-ordering:flush
exists connection name:desk-a peer-node-id:0 conn-name:remote-host local:ipv4:10.86.0.1:20001 peer:ipv4:10.86.0.2:20001 connection:Connected role:Secondary congested:no
exists device name:desk-a volume:0 minor:1 disk:UpToDate size:2097152 read:1024 written:307200 al-writes:77 bm-writes:3 upper-pending:0 lower-pending:0 al-suspended:no blocked:no
exists peer-device name:desk-a peer-node-id:0 conn-name:remote-host volume:0 replication:SyncSource peer-disk:Inconsistent resync-suspended:no received:0 sent:4096 out-of-sync:1794304 pending:0 unacked:1
exists -
`;

t.test('everything that events2 tells about a resource', async (t) => {
  t.same(parseNow(NOW).get('desk-a'), {
    role: 'Primary',
    disk: 'UpToDate',
    connection: 'Connected',
    replication: 'SyncSource',
    peerRole: 'Secondary',
    peerDisk: 'Inconsistent',
    outOfSyncKiB: 1794304,
    resyncKiB: 0,
    receivedKiB: 0,
    sentKiB: 4096,
    writtenKiB: 307200,
    readKiB: 1024,
    suspended: false,
  });
});

t.test('changes are added to what is known', async (t) => {
  const events = new DrbdEvents();
  for (const line of NOW.split('\n')) events.take(line);
  t.equal(events.take('change connection name:desk-a peer-node-id:0 connection:NetworkFailure role:Unknown'), 'desk-a');
  t.match(events.get('desk-a'), { connection: 'NetworkFailure', peerRole: 'Unknown', disk: 'UpToDate' });
  events.take('change resource name:desk-a suspended:no-data');
  t.equal(events.get('desk-a')?.suspended, true);
  events.take('destroy peer-device name:desk-a peer-node-id:0 volume:0');
  events.take('destroy connection name:desk-a peer-node-id:0');
  t.match(events.get('desk-a'), {
    connection: 'StandAlone',
    replication: 'Off',
    peerDisk: 'DUnknown',
    role: 'Primary',
  });
  events.take('destroy device name:desk-a volume:0 minor:1');
  t.equal(events.get('desk-a')?.disk, 'Diskless');
  t.equal(events.take('destroy resource name:desk-a'), 'desk-a');
  t.equal(events.get('desk-a'), undefined);
});

t.test('counters come from /proc/drbd, and are told when they matter', async (t) => {
  const counters = (oos: number) => `version: 8.4.11 (api:1/proto:86-101)
srcversion: 637677C4EAFCF5D1D5446B0

 1: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent A r-----
    ns:8192 nr:0 dw:307200 dr:9216 al:108 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:${oos}
 7: cs:Unconfigured
`;
  const events = new DrbdEvents();
  for (const line of NOW.split('\n')) events.take(line);
  t.ok(events.complete);
  t.same(events.takeCounters(counters(1_700_000)), ['desk-a'], 'a resync gets on');
  t.match(events.get('desk-a'), { outOfSyncKiB: 1_700_000, sentKiB: 8192, writtenKiB: 307_200, readKiB: 9216 });
  events.take('change peer-device name:desk-a peer-node-id:0 volume:0 replication:Established peer-disk:UpToDate');
  t.same(events.takeCounters(counters(1_700_000)), [], 'nothing new');
  t.same(events.takeCounters(counters(1_700_004)), ['desk-a'], 'more is out of sync');
});

t.test('what a resync began with comes from /proc/drbd too, and goes with it', async (t) => {
  const proc = (line: string) => `
 1: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent A r-----
    ns:8192 nr:0 dw:307200 dr:9216 al:108 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:174080
${line}
`;
  const events = new DrbdEvents();
  for (const line of NOW.split('\n')) events.take(line);
  const began = (line: string) => {
    events.takeCounters(proc(line));
    return events.get('desk-a')?.resyncKiB;
  };
  t.equal(began("\t[=====>..............] sync'ed: 33.3% (174080/262144)K"), 262_144);
  t.equal(began("\t[=====>..............] sync'ed: 33.3% (174080/262144)M"), 262_144 * 1024);
  t.equal(began(' 2: cs:Unconfigured'), 262_144 * 1024, 'a paused one does not tell, and is as it was');
  events.take('change peer-device name:desk-a peer-node-id:0 volume:0 replication:Established peer-disk:UpToDate');
  t.equal(began(' 2: cs:Unconfigured'), 0);
});

t.test('counters of every device are found', async (t) => {
  const events = new DrbdEvents();
  for (const n of [1, 2]) {
    events.take(`exists resource name:desk-${n} role:Primary`);
    events.take(`exists device name:desk-${n} volume:0 minor:${n} disk:UpToDate`);
  }
  events.take('exists -');
  const device = (n: number) =>
    ` ${n}: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate A r-----\n    ns:${n} oos:${n}\n`;
  t.same(events.takeCounters(`version: 8.4.11\n${device(1)}${device(2)}`), ['desk-1', 'desk-2']);
});

t.test('what is not understood is left alone', async (t) => {
  const events = new DrbdEvents();
  const strange = ['', 'exists -', 'x', 'exists', 'call helper name:desk-a minor:1 helper:before-resync-source'];
  for (const line of [...strange, 'exists resource role:Primary', 'change device name:desk-a size:oops read:-1']) {
    events.take(line);
  }
  t.match(events.get('desk-a') ?? { readKiB: 0 }, { readKiB: 0 });
});
