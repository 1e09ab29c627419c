import fc from 'fast-check';
import t from 'tap';
import { failureReason } from '#common/hosting/failure.ts';
import { placesOf } from '#common/hosting/places.ts';
import { GRACE_MS, mainConnected, type Ticket } from '#common/hosting/ticket.ts';
import { desktopService } from '#common/hosting/unit.ts';
import { lastLines, parseTimestamp, parseUnitState, startCommand, type UnitState } from '#common/systemd/transient.ts';
import { type DesktopFacts, nextSteps, sentenceOf, type Wanted } from '../../server/desktops/plan.ts';

const desktop = {
  id: '0123456789abcdef',
  name: 'debian',
  owner: 'ana',
  image: 'golden',
  firmware: 'uefi',
  memoryMiB: 1024,
  cpus: 2,
  diskBytes: 4 * 1024 ** 3,
  minor: 7,
} as const;
const off: DesktopFacts = {
  disk: true,
  diskActive: true,
  uefiVars: true,
  replication: 'secondary',
  unit: { kind: 'none' },
  connected: false,
  broken: false,
};
const failed: UnitState = { kind: 'failed', result: 'exit-code', status: 1, invocation: 'a'.repeat(32) };
const steps = (facts: Partial<DesktopFacts>, wanted: Wanted) =>
  nextSteps({ ...off, ...facts }, wanted).map((s) => s.do);

t.test('creating makes what is missing', async (t) => {
  const wanted: Wanted = { kind: 'created', desktop };
  t.strictSame(steps({ disk: false, uefiVars: false }, wanted), ['cloneDisk', 'makeUefiVars']);
  t.strictSame(steps({}, wanted), []);
  t.strictSame(steps({ uefiVars: false }, { kind: 'created', desktop: { ...desktop, firmware: 'bios' } }), []);
});

t.test('starting does what is left, and never makes a lost disk anew', async (t) => {
  const wanted: Wanted = { kind: 'running', desktop };
  t.strictSame(steps({}, wanted), ['promote', 'startMachine', 'connect']);
  t.strictSame(steps({ diskActive: false, replication: 'down' }, wanted), [
    'activateDisk',
    'openReplication',
    'promote',
    'startMachine',
    'connect',
  ]);
  t.strictSame(steps({ unit: failed }, wanted), ['clearFailure', 'promote', 'startMachine', 'connect']);
  t.strictSame(steps({ unit: { kind: 'active' } }, wanted), ['connect']);
  t.strictSame(steps({ unit: { kind: 'active' }, connected: true }, wanted), []);
  t.strictSame(
    steps({ unit: { kind: 'active' }, connected: true, broken: true, replication: 'primary' }, wanted),
    ['cutPower', 'startMachine', 'connect'],
    'one that stopped for good is ended first',
  );
  t.notOk(steps({ disk: false, diskActive: false }, wanted).includes('cloneDisk'));
});

t.test('deleting switches it off first and deletes the disk last', async (t) => {
  const unit: UnitState = { kind: 'active' };
  t.strictSame(steps({ unit }, { kind: 'absent' }), ['cutPower', 'closeReplication', 'deleteFiles', 'deleteDisk']);
  t.strictSame(steps({ disk: false }, { kind: 'absent' }), ['closeReplication', 'deleteFiles']);
  t.strictSame(steps({}, { kind: 'off' }), []);
});

t.test(
  'a machine that is there is started by no plan, unless it is broken and was ended, and every step has a sentence',
  async () => {
    const facts = fc.record({
      disk: fc.boolean(),
      diskActive: fc.boolean(),
      uefiVars: fc.boolean(),
      replication: fc.constantFrom<DesktopFacts['replication']>('down', 'secondary', 'primary'),
      connected: fc.boolean(),
      broken: fc.boolean(),
      unit: fc.constantFrom<UnitState>({ kind: 'none' }, { kind: 'starting' }, { kind: 'active' }, failed),
    });
    const wanted = fc.constantFrom<Wanted>(
      { kind: 'created', desktop },
      { kind: 'running', desktop },
      { kind: 'replicated', desktop },
      { kind: 'off' },
      { kind: 'absent' },
    );
    fc.assert(
      fc.property(facts, wanted, (f, w) => {
        const plan = nextSteps(f, w);
        const up = f.unit.kind === 'active' || f.unit.kind === 'starting';
        const start = plan.findIndex((s) => s.do === 'startMachine');
        const ended = plan.slice(0, Math.max(start, 0)).some((s) => s.do === 'cutPower');
        return plan.every((s) => sentenceOf(s) !== '') && !(up && start >= 0 && !(f.broken && ended));
      }),
    );
  },
);

t.test('a ticket lets one viewer in, once', async (t) => {
  const open: Ticket = { kind: 'open', peer: '10.86.0.2', expiresAt: 9_000 };
  const first = mainConnected(open, { host: '10.86.0.2', connection: 7 }, 1_000);
  t.strictSame(first, {
    ticket: { kind: 'used', peer: '10.86.0.2', connection: 7, until: 1_000 + GRACE_MS },
    action: 'revokeAfterGrace',
  });
  t.equal(mainConnected(first.ticket, { host: '10.86.0.2', connection: 7 }, 1_100).action, 'none');
  t.equal(mainConnected(first.ticket, { host: '10.86.0.2', connection: 8 }, 1_100).action, 'throwOut');
  t.equal(mainConnected(open, { host: '10.86.0.3', connection: 7 }, 1_000).action, 'throwOut');
  t.equal(mainConnected({ kind: 'none' }, { host: '10.86.0.2', connection: 7 }, 1_000).action, 'throwOut');
});

t.test('the unit: limits, sandbox, and only its own disk and folders', async (t) => {
  const folders = { state: '/var/lib/flexdeploy', run: '/run/flexdeploy' };
  const screen = { address: '10.86.0.1', port: 5901 };
  const job = { desktop, places: placesOf(desktop.id, folders), folders, disk: '/dev/drbd7', screen };
  const service = desktopService({ ...job, incoming: false });
  t.notOk(service.argv.includes('-incoming'));
  t.strictSame(desktopService({ ...job, incoming: true }).argv.slice(-3), ['-incoming', 'defer', '-S']);
  t.matchSnapshot(startCommand({ ...service, argv: ['/usr/bin/qemu'] }).join('\n'));
  t.throws(() => placesOf('../../etc', folders));
});

t.test('why it failed, in words', async (t) => {
  const show = 'LoadState=loaded\nActiveState=failed\nResult=signal\nExecMainStatus=11\nInvocationID=x=y\n';
  t.strictSame(parseUnitState(show), { kind: 'failed', result: 'signal', status: 11, invocation: 'x=y' });
  t.strictSame(parseUnitState('LoadState=not-found\nActiveState=inactive\nResult=success\n'), { kind: 'none' });
  t.strictSame(await lastLines('not an id', 5), []);
  t.equal(
    failureReason(failed, ['qemu-system-x86_64: warning: x', 'qemu-system-x86_64: Could not open disk']),
    'the virtual machine could not run: Could not open disk',
  );
  t.equal(failureReason({ ...failed, result: 'signal', status: 11 }, []), 'the virtual machine crashed (SIGSEGV)');
  t.match(failureReason({ ...failed, result: 'oom-kill', status: 9 }, []), /more memory/);
});

t.test('when a unit became active is read from systemd', async (t) => {
  t.same(parseTimestamp('ActiveEnterTimestamp=@1795351126\n'), new Date('2026-11-22T12:38:46Z'));
  t.equal(parseTimestamp('ActiveEnterTimestamp=\n'), undefined);
});
