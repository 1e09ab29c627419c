/**
 * The desktop follows the person: its disk is kept on the PC too, it moves there and back while it runs and writes, and
 * comes through power cuts. The desktop is the probe, which tells about every record that it has safely written.
 */
import t, { type Test } from 'tap';
import { check } from './faults/checks.ts';
import { randomFaults } from './faults/run.ts';
import { DESKTOP, PERSON, World } from './faults/world.ts';
import { labTest } from './harness.ts';
import { kiosk, kioskIs, logInRemotely } from './kiosk-remote.ts';
import { backToList } from './kiosk-walk.ts';
import { PROBE_NETWORK, type ProbeListener } from './probe.ts';

/** A move takes a minute or two under emulation; `FLEXDEPLOY_ROUNDS=10` for the long run. */
const ROUNDS = Number(process.env.FLEXDEPLOY_ROUNDS ?? 1);
/** Seconds of the desktop's own clock between two records; that clock stands still while the machine does. */
const LONGEST_PAUSE = 1;
/** As many random faults as fit, in this order; `npm run faults` runs more, and any of them again. */
const FAULT_MINUTES = 5;
const FAULT_SEED = 1;
const DISK = 'PC-DISK-4711';
const OTHER_DISK = 'PC-DISK-0815';

const { deployment, chapter } = await labTest(t, 'move', {
  images: ['client-debug', 'server-debug', 'probe'],
  serverDebug: true,
  memoryGiB: 9,
  network: PROBE_NETWORK,
});

/** Of each round there and back. */
const pauses: ReturnType<ProbeListener['longestGap']>[] = [];
/** Random faults after which the desktop did not run again. */
let unhealed: number | undefined;

let made: World | undefined;
function world(): World {
  if (!made) throw new Error('the first chapter makes the world');
  return made;
}

async function expectAllWell(t: Test): Promise<void> {
  const { diverged, lostWrites, twoWriters } = await check(world());
  t.same(diverged, [], 'both disks are the same');
  t.same(lostWrites, [], 'every record that was told is on the disk');
  t.same(twoWriters, [], 'the desktop runs once');
}

/** As the server's journal has it. */
async function timesAttached(): Promise<number> {
  const command = `journalctl --unit flexdeploy-server | grep -c 'the disk of a PC is attached'`;
  const { output } = await world().server.shell(command);
  return Number(output.trim());
}

chapter('a desktop that writes runs on the server; the PC has two disks', async (t) => {
  const disks = [
    { serial: OTHER_DISK, sizeMiB: 512 },
    { serial: DISK, sizeMiB: 2048 },
  ];
  made = await World.make(deployment, disks, (line) => t.comment(line));
  t.equal((await world().desktop()).holder, undefined, 'the server holds it');
});

chapter('a copy is given up while the disk is still made empty: that ends, nothing is attached', async (t) => {
  const { pc } = world();
  await pc.limitWrites(DISK, 16 * 1024 ** 2);
  await world().keepCopy(DISK);
  await world().waitFor('being prepared', 120_000, ({ attachment: a }) => {
    return a?.state.kind === 'preparing' && a.state.percent !== undefined;
  });
  await world().forget();
  t.equal(await timesAttached(), 0, 'the rest was not made empty first');
  await pc.limitWrites(DISK, 0);
  t.equal((await world().desktop()).state.kind, 'running', 'the desktop goes on at the server');
});

chapter('the kiosk offers the disks of this PC, with what is on them and why not', async (t) => {
  const { pc, id } = world();
  await backToList(pc);
  await pc.display.clickText('Keep a copy');
  await pc.display.waitForText(/Disks of this PC|overwritten/i, 60_000);
  await pc.screenshot('1-disks');
  const { screen } = await kiosk(pc);
  if (screen.kind !== 'disks') throw new Error(`the kiosk shows ${screen.kind}`);
  t.match(JSON.stringify(screen), /4711/);
  t.match(JSON.stringify(screen), /0815/);
  t.equal((await world().desktop()).attachment, undefined, `nothing is done to ${id} before the person has confirmed`);
});

chapter('the person confirms with the end of the serial number, and the copy is made', async (t) => {
  const { pc } = world();
  await pc.display.clickText('4711');
  await pc.display.clickText('Use this disk');
  await pc.display.waitForText(/last 4 characters/i, 60_000);
  await pc.display.type('4711');
  await pc.screenshot('2-confirm');
  await pc.display.press('ret');
  await world().waitFor('attached', 120_000, (d) => d.attachment !== undefined);
  await world().waitFor('in sync', 1_200_000, (d) => d.attachment?.state.kind === 'inSync');
  t.equal(await timesAttached(), 1);
  await pc.screenshot('3-in-sync');
  await expectAllWell(t);
});

chapter('a desktop that is held up for long counts as failed, and is found again when it answers', async (t) => {
  const { server, id } = world();
  const unit = `flexdeploy-desktop-${id}.service`;
  await server.shell(`systemctl kill --signal=STOP ${unit}`);
  await world().waitFor('seen not to answer', 300_000, (d) => d.state.kind === 'failed');
  await server.shell(`systemctl kill --signal=CONT ${unit}`);
  await world().waitFor('running again', 60_000, (d) => d.state.kind === 'running');
  const then = world().probe.newest;
  await world().waitFor('writing', 60_000, () => world().probe.newest > then);
  await expectAllWell(t);
});

chapter('it moves to the PC and back while it writes', async (t) => {
  for (let round = 1; round <= ROUNDS; round++) {
    const before = Date.now();
    await world().move('pc');
    if (round === 1) await world().pc.screenshot('4-on-the-pc');
    const onPc = world().probe.newest;
    await world().waitFor('writing on the PC', 60_000, () => world().probe.newest > onPc);
    await world().move('server');
    const pause = world().probe.longestGap(before);
    pauses.push(pause);
    const heard = `${pause.heard.toFixed(2)} s from outside`;
    t.comment(`round ${round}: the longest pause was ${pause.own.toFixed(2)} s by the desktop's clock, ${heard}`);
    await expectAllWell(t);
  }
});

chapter('it moves at about a tenth of the first sync, and the rest follows', async (t) => {
  await world().forget();
  await deployment.flexdeploy(['limit', '2048']);
  await world().keepCopy(DISK);
  await world().waitFor('syncing', 600_000, ({ attachment: a }) => a?.state.kind === 'syncing' && a.state.percent >= 8);
  await world().move('pc');
  const moved = await world().desktop();
  t.equal(moved.attachment?.complete, false, 'not every block is on the PC yet');
  await world().move('server');
  t.equal((await world().desktop()).attachment?.complete, false, 'and back, without waiting for them');
  await world().move('pc');
  await deployment.flexdeploy(['limit', 'none']);
  await world().waitFor('in sync', 1_200_000, (d) => d.attachment?.state.kind === 'inSync');
  await expectAllWell(t);
});

chapter('the PC holds it and loses the server: it goes on, and the server learns what was written', async (t) => {
  const { probe, pc, server } = world();
  await server.cutLink();
  const then = probe.newest;
  await kioskIs(pc, 'without a server', 120_000, (s) => JSON.stringify(s).includes('since'));
  await server.healLink();
  await world().waitFor('in sync again', 600_000, (d) => d.attachment?.state.kind === 'inSync' && probe.newest > then);
  await expectAllWell(t);
});

chapter('the PC holds it and loses power: after the next log-in it goes on from the disk of the PC', async (t) => {
  const { pc } = world();
  t.ok((await world().desktop()).holder, 'the PC holds the desktop');
  await pc.powerCut();
  const refused = await deployment.flexdeploy(['desktop', 'start', DESKTOP]).then(
    () => 'started',
    (error: Error) => error.message,
  );
  t.not(refused, 'started', 'the server does not start its older copy');
  await pc.start();
  await logInRemotely(pc, PERSON);
  await kiosk(pc, { do: 'openDesktop', id: world().id });
  await world().waitFor('running on the PC', 300_000, (d) => d.holder !== undefined && d.state.kind === 'running');
  await world().settle(600_000);
  await pc.screenshot('5-after-the-power-cut');
  await expectAllWell(t);
});

chapter('log-out brings it back to the server; on return only what changed is copied', async (t) => {
  const { pc } = world();
  await kiosk(pc, { do: 'logOut' });
  await kioskIs(pc, 'at the login screen', 240_000, ({ screen }) => screen.kind === 'login');
  t.equal((await world().desktop()).holder, undefined, 'the server holds it again');
  t.equal((await world().desktop()).attachment, undefined, 'the PC has left');
  await logInRemotely(pc, PERSON);
  await kiosk(pc, { do: 'openDesktop', id: world().id });
  await world().waitFor('in sync', 900_000, (d) => d.attachment?.state.kind === 'inSync');
  await expectAllWell(t);
});

chapter('random faults while it is attached, moved and left: nothing that was written is lost', async (t) => {
  const say = (line: string) => t.comment(line);
  const options = { runs: 50, seed: FAULT_SEED, minutes: FAULT_MINUTES, disk: DISK, say };
  const { runs, notHealed, ...bad } = await randomFaults(world(), options);
  t.ok(runs > 0, `${runs} faults were tried`);
  t.same(bad, { diverged: 0, lostWrites: 0, twoWriters: 0 });
  unhealed = notHealed;
});

// The last ones: they may fail where all is emulated, and what fails ends the file.
chapter('after each random fault it ran again by itself', async (t) => {
  t.equal(unhealed, 0);
});

chapter('the clock of the desktop showed no long pause in any move', async (t) => {
  t.equal(pauses.length, ROUNDS);
  for (const [i, { own }] of pauses.entries()) {
    t.ok(own < LONGEST_PAUSE, `round ${i + 1}: the longest pause was ${own.toFixed(2)} s`);
  }
});
