import t from 'tap';
import { addSample, type Samples, speedOf, syncStateOf } from '#common/drbd/progress.ts';
import type { DrbdStatus } from '#common/protocol/host-link.ts';

const status: DrbdStatus = {
  role: 'Primary',
  disk: 'UpToDate',
  connection: 'Connected',
  replication: 'SyncSource',
  peerRole: 'Secondary',
  peerDisk: 'Inconsistent',
  outOfSyncKiB: 524_288,
  receivedKiB: 0,
  sentKiB: 0,
  writtenKiB: 0,
  readKiB: 0,
  suspended: false,
};
const view = { diskBytes: 1024 ** 3, samples: [] as Samples, paused: false, disconnectedSince: '2026-11-22T12:00:00Z' };

t.test('speed is an average over the last 15 seconds', async (t) => {
  let samples: Samples = [];
  t.equal(speedOf(samples), undefined);
  for (let s = 0; s <= 60; s++) samples = addSample(samples, s * 1000, 1_000_000 - s * (s < 30 ? 1024 : 2048));
  t.ok(samples.length < 20, 'old ones are forgotten');
  t.equal(speedOf(samples), 2 * 1024 ** 2);
  t.equal(speedOf(addSample([{ at: 0, outOfSyncKiB: 10 }], 2000, 20)), 0, 'what grows is no progress');
});

t.test('a resync shows how far it is and how long it takes', async (t) => {
  const samples = [
    { at: 0, outOfSyncKiB: 624_288 },
    { at: 10_000, outOfSyncKiB: 524_288 },
  ];
  t.same(syncStateOf({ ...view, status, samples }), {
    kind: 'syncing',
    percent: 50,
    bytesLeft: 512 * 1024 ** 2,
    bytesPerSecond: 10_240_000,
    secondsLeft: 53,
    to: 'pc',
  });
  t.match(syncStateOf({ ...view, status: { ...status, replication: 'SyncTarget' } }), { to: 'server' });
});

t.test('of a resync that has less to do than the whole disk, that is the whole', async (t) => {
  t.match(syncStateOf({ ...view, status: { ...status, resyncKiB: 2_097_152 } }), {
    percent: 75,
    bytesLeft: 512 * 1024 ** 2,
  });
  t.match(syncStateOf({ ...view, status: { ...status, resyncKiB: 524_288 } }), { percent: 0 });
  t.match(syncStateOf({ ...view, status: { ...status, resyncKiB: 400_000 } }), { percent: 0 }, 'more came meanwhile');
});

t.test('every other state has its word', async (t) => {
  const kindOf = (change: Partial<DrbdStatus>) => syncStateOf({ ...view, status: { ...status, ...change } }).kind;
  t.equal(kindOf({ replication: 'Established', peerDisk: 'UpToDate' }), 'inSync');
  t.equal(kindOf({ replication: 'Ahead' }), 'behind');
  t.equal(kindOf({ replication: 'Behind' }), 'behind');
  t.equal(kindOf({ replication: 'PausedSyncS' }), 'paused');
  t.equal(kindOf({ replication: 'WFBitMapS' }), 'preparing');
  t.equal(kindOf({ connection: 'Connecting' }), 'disconnected');
  t.equal(syncStateOf({ ...view, status: undefined }).kind, 'disconnected');
  t.equal(syncStateOf({ ...view, status, paused: true }).kind, 'paused');
});
