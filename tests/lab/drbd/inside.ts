/** What `drbd.test.ts` does inside its machine: a scenario a name. Each leaves both ends in sync, the server primary. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gapsIn, worthCopying } from '#common/drbd/baseline.ts';
import { describeError } from '#common/errors.ts';
import { mappedRanges } from '#common/lvm/thin-map.ts';
import { makeZero } from '../../../client-runtime/disks/zeroing.ts';
import {
  check,
  configure,
  configureBoth,
  contentOf,
  cutLink,
  DISK_BYTES,
  healLink,
  PC_DEVICE,
  PC_DISK,
  pc,
  SERVER_DEVICE,
  sameContent,
  sentKiB,
  server,
  shell,
  until,
  untilInSync,
  write,
  writeText,
} from './ends.ts';

const MIB = 1024 ** 2;
const MOVE = { protocol: 'C', twoPrimaries: true } as const;

/** One primary again: the server. */
async function serverAlone(): Promise<void> {
  await pc.secondary();
  await server.primary();
  await configureBoth();
  await untilInSync();
  check(await sameContent(), 'both disks are the same');
}

const SCENARIOS: Readonly<Record<string, () => Promise<void>>> = {
  async first() {
    await writeText(server, { pc: undefined });
    await server.createMetadata();
    await server.up();
    await server.primary({ force: true });
    await write(SERVER_DEVICE, 0, 16 * 1024);
    await write(SERVER_DEVICE, 200 * 1024, 16 * 1024);
    const before = await sentKiB();
    await writeText(pc);
    await pc.createMetadata();
    await pc.up();
    await configure(server);
    await untilInSync();
    check(await sameContent(), 'both disks are the same');
    const sent = (await sentKiB()) - before;
    check(sent < 40 * 1024, `only what is used was sent (${sent} KiB of 262144)`);
  },

  async baseline() {
    await pc.down();
    await configure(server, { pc: undefined });
    await shell(`dd if=/dev/urandom of=${PC_DISK} bs=1M count=256 oflag=direct conv=notrunc status=none`); // somebody's old data
    await shell(`blkdiscard --offset ${204 * MIB} --length ${4 * MIB} ${SERVER_DEVICE}`);
    await write(SERVER_DEVICE, 255 * 1024 + 900, 64); // across the end of the whole MiB
    await write(SERVER_DEVICE, 256 * 1024, 4); // its last block
    const uuid = await server.startNoting();
    await write(SERVER_DEVICE, 60 * 1024, 1024);
    await shell(`blkdiscard --offset 0 --length ${4 * MIB} ${SERVER_DEVICE}`);
    const used = worthCopying(await mappedRanges('lab', 'pool', 'disk'), DISK_BYTES);
    await write(SERVER_DEVICE, 120 * 1024, 1024);
    check(await makeZero(PC_DISK, gapsIn(used, DISK_BYTES), { withinMs: 60_000 }), 'the disk can be made zero');
    await pc.createMetadataFrom({ uuid, used }, DISK_BYTES);
    const before = await sentKiB();
    await pc.up();
    await configure(server);
    await untilInSync();
    check(await sameContent(), 'both disks are the same');
    const sent = (await sentKiB()) - before;
    check(sent < 36 * 1024, `only what is used was sent (${sent} KiB of 262144)`);
  },

  async modes() {
    for (let round = 0; round < 10; round++) {
      await configureBoth(MOVE);
      await pc.primary();
      await write(round % 2 ? SERVER_DEVICE : PC_DEVICE, 1024 * round, 256);
      await (round % 2 ? pc : server).secondary();
      await configureBoth();
      check((await server.status())?.connection === 'Connected', `connected after round ${round}`);
      await pc.secondary();
      await server.primary();
    }
    await serverAlone();
  },

  async returning() {
    await pc.down();
    const dump = await pc.dumpMetadata();
    await configure(server, { pc: undefined });
    for (let i = 0; i < 20; i++) await write(SERVER_DEVICE, 4096 * i, 4);
    await write(SERVER_DEVICE, 256 * 1024 - 4, 8); // and where DRBD forgets what it has noted, with other sizes
    await server.secondary();
    await server.down();
    await server.up();
    await server.primary();
    await shell('dd if=/dev/zero of=/dev/ram0 bs=1M count=2 oflag=direct status=none');
    const before = await sentKiB();
    await pc.restoreMetadata(dump);
    await pc.up();
    await configure(server);
    await untilInSync();
    const sent = (await sentKiB()) - before;
    check(sent <= 160, `only what changed was sent (${sent} KiB for 88)`);
    check(await sameContent(), 'both disks are the same');
  },

  async comparing() {
    await pc.down();
    await pc.createMetadata();
    for (let i = 0; i < 20; i++) await write(SERVER_DEVICE, 8192 * i, 4);
    const before = await sentKiB();
    await configureBoth({ compare: true });
    await untilInSync();
    const sent = (await sentKiB()) - before;
    check(sent <= 20 * 64 * 2, `only pieces that differ were sent (${sent} KiB for 20 pieces of 64)`);
    await serverAlone();
  },

  async incomplete() {
    await pc.down();
    await pc.createMetadata();
    const slow = { limitKiBps: 2000 };
    await configureBoth(slow);
    await until('a resync', async () => (await pc.status())?.replication === 'SyncTarget');
    await configureBoth({ ...MOVE, ...slow });
    await pc.primary();
    check(
      (await contentOf(PC_DEVICE)) === (await contentOf(SERVER_DEVICE)),
      'what is not here yet is read from the server',
    );
    await server.secondary();
    await configureBoth({ protocol: 'C', freezeWithoutPeer: true, ...slow });
    await pc.pauseSync();
    await pc.pauseSync();
    await until('the pause', async () => (await server.status())?.replication === 'PausedSyncS');
    await pc.resumeSync();
    await pc.resumeSync();
    await write(PC_DEVICE, 100 * 1024, 256);
    await configureBoth({ protocol: 'C' });
    await untilInSync();
    await configureBoth(MOVE);
    await serverAlone();
  },

  async twoPrimariesCut() {
    await configureBoth(MOVE);
    await pc.primary();
    await cutLink();
    await write(PC_DEVICE, 4096, 256);
    await write(SERVER_DEVICE, 8192, 256); // who does not hold it wrote too: the worst there is
    const holders = await contentOf(PC_DEVICE);
    await server.secondary();
    await configureBoth();
    await healLink();
    await untilInSync();
    check((await contentOf(PC_DEVICE)) === holders, 'the holder lost nothing');
    check(await sameContent(), 'both disks are the same');
    await configureBoth(MOVE);
    await serverAlone();
  },

  async twoPrimariesMeet() {
    await configureBoth(MOVE);
    await pc.primary();
    await cutLink();
    await write(PC_DEVICE, 4096, 256);
    await write(SERVER_DEVICE, 8192, 256);
    const holders = await contentOf(PC_DEVICE);
    await healLink();
    await until('one refuses the other', async () => {
      const states = [(await server.status())?.connection, (await pc.status())?.connection];
      return states.includes('StandAlone');
    });
    await server.secondary();
    await configureBoth();
    await untilInSync();
    check((await contentOf(PC_DEVICE)) === holders, 'the holder lost nothing');
    await configureBoth(MOVE);
    await serverAlone();
  },

  async frozen() {
    await configureBoth(MOVE);
    await pc.primary();
    await server.secondary();
    await configureBoth({ protocol: 'C', freezeWithoutPeer: true });
    await cutLink();
    await until('the freeze', async () => (await pc.status())?.suspended === true);
    const writing = write(PC_DEVICE, 4096, 4).then(() => 'written');
    const first = await Promise.race([writing, sleep(5000).then(() => 'waiting')]);
    check(first === 'waiting', 'a write waits for the server');
    await healLink();
    check((await writing) === 'written', 'and goes on when it is back');
    await configureBoth(MOVE);
    await serverAlone();
  },

  async givenUp() {
    await configureBoth(MOVE);
    await pc.primary();
    await server.secondary();
    await configureBoth({ protocol: 'C', freezeWithoutPeer: true });
    await cutLink();
    await until('the freeze', async () => (await pc.status())?.suspended === true);
    const writing = write(PC_DEVICE, 4096, 4).then(
      () => 'written',
      () => 'failed',
    );
    await sleep(1000);
    await pc.unfreeze();
    check((await writing) === 'failed', 'what waited fails at last');
    await pc.secondary();
    await pc.down();
    await configure(server);
    await server.primary(); // it goes on without the PC
    await write(SERVER_DEVICE, 8192, 256);
    await healLink();
    await configureBoth();
    await untilInSync();
    await serverAlone();
  },
};

const [name = ''] = process.argv.slice(2);
try {
  const scenario = SCENARIOS[name];
  if (!scenario) throw new Error(`no scenario ${name}`);
  await scenario();
  console.log(`passed ${name}`);
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
