import t from 'tap';
import { availableMiB, hostProblem, missingFlags } from '#common/hosting/host-facts.ts';
import { CPU_MODEL } from '#common/qemu/machine.ts';
import { renderPcRules, renderTunnel } from '../../client-runtime/hosting/firewall.ts';
import { openingsFor } from '../../server/desktops/peers.ts';
import { idOfResource, isWhole, metadataBytes, serverEnd } from '../../server/desktops/replication.ts';

const desktop = {
  ...{ id: '0123456789abcdef', name: 'debian', owner: 'ana', image: 'golden', firmware: 'bios' as const },
  ...{ memoryMiB: 1024, cpus: 2, diskBytes: 4 * 1024 ** 3, minor: 7 },
};

t.test('why a machine cannot run a desktop, in words', async (t) => {
  const good = { kvm: true, memoryFreeMiB: 2000, missingCpuFeatures: [] };
  t.equal(hostProblem(good, desktop, 'this PC'), undefined);
  t.match(hostProblem({ ...good, kvm: false }, desktop, 'this PC'), /^this PC cannot run desktops/);
  t.match(hostProblem({ ...good, memoryFreeMiB: 900 }, desktop, 'this PC'), /900 MiB are free/);
  t.match(hostProblem({ ...good, missingCpuFeatures: ['sse4_2'] }, desktop, 'the server'), /lacks sse4_2/);
});

t.test('a processor without a feature of the model is found by /proc/cpuinfo', async (t) => {
  const all = 'flags\t\t: fpu lm nx cx16 lahf_lm popcnt pni ssse3 sse4_1 sse4_2 avx';
  t.strictSame(missingFlags(`processor\t: 0\n${all}\n`), []);
  t.strictSame(missingFlags(all.replace('popcnt ', '')), ['popcnt']);
  t.equal(missingFlags('').length > 5, true, 'nothing known is nothing there');
  for (const added of CPU_MODEL.matchAll(/\+([a-z0-9.-]+)/g)) {
    const flag = (added[1] ?? '').replaceAll(/[.-]/g, '_');
    t.strictSame(missingFlags(all.replace(` ${flag}`, '')), [flag], `${flag} is asked for, and looked for`);
  }
  t.equal(availableMiB('MemTotal: 5 kB\nMemAvailable:    2097152 kB\n'), 2048);
});

t.test("the server's end of a desktop's disk", async (t) => {
  t.strictSame(serverEnd(desktop), {
    address: '10.86.0.1',
    port: 20_007,
    minor: 7,
    disk: '/dev/flexdeploy/desk-0123456789abcdef',
    meta: '/dev/flexdeploy/meta-0123456789abcdef',
  });
  t.equal(idOfResource('desk-0123456789abcdef'), '0123456789abcdef');
  t.equal(idOfResource('desk-../../etc'), undefined);
  t.equal(metadataBytes(4 * 1024 ** 3), 4 * 1024 ** 2);
  // 4 TiB: 128 MiB of bits, and what comes on top
  t.equal(metadataBytes(4 * 1024 ** 4), 132 * 1024 ** 2);
});

t.test("the server's older copy is kept until nothing can be written over the disk any more", async (t) => {
  const status = {
    ...({ role: 'Secondary', disk: 'UpToDate', connection: 'Connected', replication: 'Established' } as const),
    ...{ peerRole: 'Primary', peerDisk: 'UpToDate', suspended: false },
    ...{ outOfSyncKiB: 0, receivedKiB: 0, sentKiB: 0, writtenKiB: 0, readKiB: 0 },
  };
  t.ok(isWhole(status));
  t.notOk(isWhole({ ...status, disk: 'Inconsistent', replication: 'SyncTarget' }));
  t.notOk(isWhole({ ...status, replication: 'WFBitMapT' }), 'it is about to be brought up to date');
  t.notOk(isWhole({ ...status, connection: 'Connecting', replication: 'Off' }), 'nobody knows what the peer has');
});

t.test('what the PC of a desktop may reach', async (t) => {
  const address = '10.86.0.2';
  t.strictSame(openingsFor(desktop, undefined), { peers: [], departures: [] });
  t.strictSame(openingsFor(desktop, { address, drbd: true, incoming: false }), {
    peers: [{ peer: address, port: 20_007 }],
    departures: [],
  });
  t.strictSame(openingsFor(desktop, { address, drbd: true, incoming: true, outgoingPort: 40_000 }), {
    peers: [
      { peer: address, port: 20_007 },
      { peer: address, port: 40_007 },
    ],
    departures: [{ peer: address, port: 40_000 }],
  });
});

t.test("the PC's rules", async (t) => {
  t.matchSnapshot(renderPcRules('flexdeploy0', 801));
  t.throws(() => renderPcRules('wg0" accept', 801));
  t.throws(() => renderPcRules('wg0', 0), 'root is nobody to keep in');
  const tunnel = { address: '10.86.0.2', serverAddress: '10.86.0.1' };
  t.matchSnapshot(renderTunnel(tunnel));
  t.throws(() => renderTunnel({ ...tunnel, address: '10.86.0.2 } accept' }));
  t.throws(() => renderTunnel({ ...tunnel, serverAddress: '' }));
});
