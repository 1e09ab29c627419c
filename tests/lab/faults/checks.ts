/** After a fault and its healing: what must be true of the disks and machines. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#common/errors.ts';
import type { Desktop } from '#common/protocol/desktop.ts';
import { eventually } from '../eventually.ts';
import type { Machine } from '../machine.ts';
import { nodeCommand } from '../own-node.ts';
import type { World } from './world.ts';

export interface Findings {
  diverged: string[];
  lostWrites: string[];
  twoWriters: string[];
}

/** Slots of the ring that may be written anew before it has been read: 10 a second, for three minutes and more. */
const MARGIN = 2048;
const READ_MS = 180_000;
const LEFT_MS = 60_000;

/** Looks at everything; a desktop that runs on stands still for the comparison only. */
export async function check(world: World): Promise<Findings> {
  const twoWriters: string[] = [];
  // The one that a move has left stands still, and is ended shortly after.
  const once = async () => !((await runs(world.server, world.id)) && (await runs(world.pc, world.id)));
  await eventually('QEMU of the desktop runs on one side only', LEFT_MS, once).catch((error) => {
    twoWriters.push(messageOf(error));
  });
  const desktop = await world.desktop();
  const onPc = desktop.holder !== undefined;
  const told = world.probe.newest;
  const holder = onPc ? world.pc : world.server;
  const lostWrites: string[] = [];
  const diverged: string[] = [];
  const device = { server: `/dev/flexdeploy/desk-${world.id}`, pc: '/dev/mapper/flexdeploy-disk' };
  const missing = await missingRecords(holder, onPc ? device.pc : device.server, world, told);
  if (missing) lostWrites.push(`${missing}, on the ${onPc ? 'PC' : 'server'}, which holds the desktop`);
  if (desktop.attachment) {
    await stopped(holder, world.id, async () => {
      await drained(world.server);
      const [server, pc] = await Promise.all([
        hash(world.server, device.server, desktop.diskBytes),
        hash(world.pc, device.pc, desktop.diskBytes),
      ]);
      if (server !== pc) diverged.push(`server ${server}, PC ${pc}`);
    });
    // It may have stood still for so long that it counts as failed; and what it told before is perhaps only heard now.
    if (desktop.state.kind === 'running') {
      const heard = world.probe.newest;
      const goesOn = (d: Desktop) => d.state.kind === 'running' && world.probe.newest > heard + 1;
      await world.waitFor('answering and writing again', 120_000, goesOn);
    }
  }
  twoWriters.push(...world.probe.twoWriters.splice(0));
  return { diverged, lostWrites, twoWriters };
}

async function runs(machine: Machine, id: string): Promise<boolean> {
  const { output } = await machine.shell(`systemctl is-active flexdeploy-desktop-${id}.service`);
  return output.trim() === 'active';
}

/** Which of the records that were told are not on this disk; undefined: all are there. */
async function missingRecords(
  machine: Machine,
  device: string,
  world: World,
  told: number,
): Promise<string | undefined> {
  const { ring } = world.probe;
  if (!ring) return 'the desktop never told where it writes';
  const first = Math.max(1, told - ring.slots + MARGIN);
  const program = `
    const { readFileSync } = require("node:fs");
    const ring = readFileSync("/run/ring");
    const found = new Set();
    for (let at = 0; at < ring.length; at += 4096) {
      const m = /^record (\\d+) /.exec(ring.toString("latin1", at, at + 64));
      if (m) found.add(Number(m[1]));
    }
    const missing = [];
    for (let n = ${first}; n <= ${told}; n++) if (!found.has(n)) missing.push(n);
    console.log("MISSING " + missing.length + " " + missing.slice(0, 20).join(" "));`;
  const read = `dd if=${device} of=/run/ring iflag=direct,skip_bytes bs=1M skip=${ring.offset} count=${(ring.slots * 4096) / 1024 ** 2} status=none`;
  const { output } = await machine.shell(`${read} && ${nodeCommand(program)}; rm -f /run/ring`, READ_MS);
  const [, count, list] = /^MISSING (\d+) ?(.*)$/m.exec(output) ?? [];
  if (count === undefined) throw new Error(`the records could not be read on ${machine.name}: ${output}`);
  return count === '0' ? undefined : `${count} of the records ${first} to ${told} are missing: ${list}`;
}

/** Stops the desktop's processor and writing from outside for as long as `work` takes. */
async function stopped(machine: Machine, id: string, work: () => Promise<void>): Promise<void> {
  const unit = `flexdeploy-desktop-${id}.service`;
  await machine.shell(`systemctl kill --signal=STOP ${unit}`);
  try {
    await work();
  } finally {
    await machine.shell(`systemctl kill --signal=CONT ${unit}`);
  }
}

/** Waits until nothing is on its way between the disks. The server has one resource that has a peer. */
async function drained(server: Machine): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await sleep(500)) {
    const { output } = await server.shell('cat /proc/drbd');
    const busy = /\b(?:lo|pe|ua|ap|oos):[1-9]/.test(output);
    if (!busy && output.includes('ds:UpToDate/UpToDate')) return;
    if (Date.now() > deadline) throw new Error(`something is on its way still: ${output}`);
  }
}

/**
 * Hash of a device, past what is cached of it: over the place and content of every MiB that is not all zero, since most
 * are and these machines compute slowly. The server's device is longer than the desktop's disk.
 */
async function hash(machine: Machine, device: string, bytes: number): Promise<string> {
  const program = `
    const { createHash } = require("node:crypto");
    const { openSync, readSync } = require("node:fs");
    const disk = openSync("${device}", "r");
    const hash = createHash("md5");
    const MIB = 1048576;
    const zero = Buffer.alloc(MIB);
    const pieces = Buffer.alloc(4 * MIB);
    let at = 0;
    for (let got = 1; got > 0; ) {
      got = readSync(disk, pieces, 0, Math.min(pieces.length, ${bytes} - at), at);
      for (let from = 0; from < got; from += MIB) {
        const piece = pieces.subarray(from, Math.min(from + MIB, got));
        if (!piece.equals(zero.subarray(0, piece.length))) hash.update((at + from) + ":").update(piece);
      }
      at += got;
    }
    console.log("HASH " + hash.digest("hex") + " " + at);`;
  const forget = `blockdev --flushbufs ${device}`;
  const { output } = await machine.shell(`${forget} && ${nodeCommand(program)}; ${forget}`, READ_MS);
  const [, sum] = /^HASH ([0-9a-f]{32} \d+)$/m.exec(output) ?? [];
  if (sum === undefined) throw new Error(`${device} could not be read on ${machine.name}: ${output}`);
  return sum;
}
