/** Both ends of a DRBD resource in one kernel: names, addresses and what is done to them. Runs inside the lab's machine. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Drbd } from '#common/drbd/control.ts';
import { type DrbdResource, diskSize, renderResource } from '#common/drbd/resource.ts';
import { run } from '#common/run.ts';

export const SERVER_DEVICE = '/dev/drbd101';
export const PC_DEVICE = '/dev/drbd102';
/** What is under the PC's device. */
export const PC_DISK = '/dev/mapper/pc-disk';

/** Bytes; the devices below are longer. */
export const DISK_BYTES = diskSize(256 * 1024 ** 2);
let diskBytes = DISK_BYTES;

/** For a bench with another disk: the size that both ends are told from now on. */
export function setDiskBytes(bytes: number): void {
  diskBytes = bytes;
}

const RESOURCE: Omit<DrbdResource, 'diskBytes'> = {
  name: 'server',
  server: { address: '127.9.0.1', port: 21001, minor: 101, disk: '/dev/lab/disk', meta: '/dev/lab/meta' },
  pc: { address: '127.9.0.2', port: 21001, minor: 102, disk: PC_DISK, meta: '/dev/ram0' },
  protocol: 'A',
  twoPrimaries: false,
  secret: 'two-ends-in-one-kernel',
  discardGranularityBytes: 65_536,
};
/** Milliseconds for DRBD to notice, connect or copy 256 MiB on a slow machine. */
const PATIENCE = 120_000;

/** DRBD knows no network namespaces, so that two ends need two names; otherwise the text is that of the product. */
export const server = new Drbd({ file: '/run/server.res', node: 'server', name: 'server' });
export const pc = new Drbd({ file: '/run/pc.res', node: 'pc', name: 'pc' });

/** Shell text, as root; its output. */
export async function shell(text: string): Promise<string> {
  return (await run(['bash', '-c', `set -e -o pipefail\n${text}`], { timeoutMs: PATIENCE })).stdout;
}

/** A text for one end, checked and kept; the kernel is not told. */
export async function writeText(end: Drbd, change: Partial<DrbdResource> = {}): Promise<void> {
  await end.write(renderResource({ ...RESOURCE, diskBytes, ...change, name: end.name }));
}

/** A new text for one end, put in force. */
export async function configure(end: Drbd, change: Partial<DrbdResource> = {}): Promise<void> {
  await writeText(end, change);
  await end.adjust();
}

export async function configureBoth(change: Partial<DrbdResource> = {}): Promise<void> {
  await Promise.all([configure(server, change), configure(pc, change)]);
}

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** Waits until something holds. */
export async function until(what: string, holds: () => Promise<boolean>, withinMs = PATIENCE): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await holds()); await sleep(200)) {
    if (Date.now() < deadline) continue;
    const states = JSON.stringify([await server.status(), await pc.status()]);
    throw new Error(`waited in vain: ${what}; server and PC say ${states}`);
  }
}

export async function untilInSync(withinMs = PATIENCE): Promise<void> {
  const areSame = async () => {
    const [a, b] = [await server.status(), await pc.status()];
    const whole = a?.disk === 'UpToDate' && b?.disk === 'UpToDate' && a.outOfSyncKiB === 0;
    return whole && a.replication === 'Established';
  };
  await until('both up to date', areSame, withinMs);
}

/** What is really on a disk, past the cache. */
const content = (device: string) => `dd if=${device} bs=1M iflag=direct status=none`;

/** MD5 of what is on a disk: the quickest that there is on an emulated machine. */
export async function contentOf(device: string): Promise<string> {
  return (await shell(`${content(device)} | md5sum`)).slice(0, 32);
}

export async function sameContent(): Promise<boolean> {
  const { server: a, pc: b } = RESOURCE;
  const answer = await shell(`cmp <(${content(a.disk)}) <(${content(b?.disk ?? '')}) && echo same || echo different`);
  return answer.trim() === 'same';
}

/** Random data, `kib` KiB from `atKib` on; acknowledged when this resolves. */
export async function write(device: string, atKib: number, kib: number): Promise<void> {
  const where = `seek=${atKib / 4} count=${kib / 4}`;
  await shell(`dd if=/dev/urandom of=${device} bs=4k ${where} oflag=direct conv=notrunc status=none`);
}

/** KiB that the server's end has sent since it was brought up. */
export async function sentKiB(): Promise<number> {
  return (await server.status())?.sentKiB ?? 0;
}

/** Nothing passes between the ends from now on; both notice. */
export async function cutLink(): Promise<void> {
  const hook = 'type filter hook input priority 0;';
  const rules = ['tcp dport 21001 drop', 'tcp sport 21001 drop'].map((rule) => `nft add rule inet cut ends ${rule}`);
  await shell(['nft add table inet cut', `nft add chain inet cut ends '{ ${hook} }'`, ...rules].join('\n'));
  await until('the cut is noticed', async () => {
    return (await server.status())?.connection !== 'Connected' && (await pc.status())?.connection !== 'Connected';
  });
}

export async function healLink(): Promise<void> {
  await shell('nft delete table inet cut');
}
