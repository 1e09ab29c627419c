/**
 * Our first sync, inside the machine: what server (server/desktops/replication.ts) and PC (client-runtime/hosting/
 * replica.ts) do from the moment when somebody has chosen the disk until both say that they are up to date.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { gapsIn, worthCopying } from '#common/drbd/baseline.ts';
import { Drbd } from '#common/drbd/control.ts';
import { diskSize, renderResource } from '#common/drbd/resource.ts';
import { describeError } from '#common/errors.ts';
import { mappedRanges } from '#common/lvm/thin-map.ts';
import { makeZero } from '../../../client-runtime/disks/zeroing.ts';
import { DISK_GIB, ENDS, GROUP } from './layout.ts';

const BYTES = diskSize(DISK_GIB * 1024 ** 3);
const ZEROING_LIMIT = 60_000;
const LOOK_EVERY = 200;

const server = new Drbd({ file: '/run/server.res', node: 'server', name: 'server' });
const pc = new Drbd({ file: '/run/pc.res', node: 'pc', name: 'pc' });

function text(name: string, withPc: boolean): string {
  const usual = { protocol: 'A', twoPrimaries: false, secret: 'measured-in-the-lab' } as const;
  const ends = { server: ENDS.server, pc: withPc ? ENDS.pc : undefined };
  return renderResource({ name, ...usual, ...ends, diskBytes: BYTES, discardGranularityBytes: 65_536 });
}

/** Bytes that the loopback has carried. */
async function carried(): Promise<number> {
  return Number(await readFile('/sys/class/net/lo/statistics/tx_bytes', 'utf8'));
}

/** A desktop that runs alone, as all do before. */
async function prepare(): Promise<void> {
  await server.write(text('server', false));
  await server.createMetadata();
  await server.up();
  await server.primary({ force: true });
}

async function sync(): Promise<void> {
  const uuid = await server.startNoting();
  const used = worthCopying(await mappedRanges(GROUP, 'pool', 'disk'), BYTES);
  await server.write(text('server', true));
  await server.adjust();
  if (!(await makeZero(ENDS.pc.disk, gapsIn(used, BYTES), { withinMs: ZEROING_LIMIT })))
    throw new Error('the disk was not made zero');
  await pc.write(text('pc', true));
  await pc.createMetadataFrom({ uuid, used }, BYTES);
  await pc.up();
  for (;;) {
    const status = await server.status();
    if (status?.disk === 'UpToDate' && status.peerDisk === 'UpToDate') return;
    await sleep(LOOK_EVERY);
  }
}

try {
  await prepare();
  const [before, begun] = [await carried(), process.hrtime.bigint()];
  await sync();
  console.log(`measured ${process.hrtime.bigint() - begun} ${(await carried()) - before}`);
  await pc.down();
  await server.secondary();
  await server.down();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
