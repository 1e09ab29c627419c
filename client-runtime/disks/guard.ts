/**
 * The disk guard: the one gate that everything passes which writes to a disk of this PC. It finds the disk by serial
 * number or WWN at the very moment it is needed, checks that it is the expected one and free, and lays a device of
 * exactly the desktop's size over it. Whatever is not as expected: nothing is written, and it is said why.
 */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { messageOf, UserError } from '#common/errors.ts';
import type { DiskIdentity } from '#common/protocol/desktop.ts';
import type { Consent } from '#common/protocol/host-link.ts';
import type { Confirmations } from './confirmations.ts';
import { isFailing } from './health.ts';
import { type Disk, readDisks } from './inventory.ts';
import { cover, coveringDevice, uncover } from './mapping.ts';
import { identityOf, inWords, MAPPED_PATH, reasonAgainst, sameDisk, sameName } from './rules.ts';

export interface GuardRequest {
  /** The disk that was chosen, as it was described then. */
  disk: DiskIdentity;
  /** Size of the desktop's disk, in bytes: nothing behind it can be reached. */
  bytes: number;
  consent: Consent;
  desktopId: string;
}

export interface GuardedDisk {
  /** The device to write to. */
  path: string;
  disk: DiskIdentity;
  bytes: number;
  /** Takes the device away. Whatever had it open must have closed it. */
  release(): Promise<void>;
}

/** @throws UserError with the reason when the disk must not be written, and then nothing was */
export type OpenGuarded = (request: GuardRequest) => Promise<GuardedDisk>;

export function makeGuard(options: { confirmations: Confirmations; log: Pick<Logger, 'info'> }): OpenGuarded {
  let last: Promise<unknown> = Promise.resolve();
  return (request) => {
    const opened = last.then(() => openGuarded(request, options));
    last = opened.catch(() => {}); // one at a time
    return opened;
  };
}

async function openGuarded(
  request: GuardRequest,
  { confirmations, log }: { confirmations: Confirmations; log: Pick<Logger, 'info'> },
): Promise<GuardedDisk> {
  checkRequest(request, confirmations);
  const ours = await coveringDevice();
  const disk = await find(request, ours?.name);
  const device = `/dev/${disk.name}`;
  if (ours && ours.disk === disk.number && ours.bytes === request.bytes) {
    log.info({ disk: identityOf(disk), desktop: request.desktopId }, 'the disk is open already');
  } else {
    if (ours) await uncover(); // left over by somebody else; refused while it is in use
    await claim(device, disk.number);
    await cover(disk, request.bytes);
    try {
      await confirmCovered(disk, request);
    } catch (error) {
      await uncover();
      throw error;
    }
    log.info({ disk: identityOf(disk), device, desktop: request.desktopId, consent: request.consent }, 'disk opened');
  }
  return { path: MAPPED_PATH, disk: identityOf(disk), bytes: request.bytes, release: uncover };
}

function checkRequest({ disk, bytes, consent, desktopId }: GuardRequest, confirmations: Confirmations): void {
  if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes % 512 !== 0)
    throw refusal(`a desktop's disk cannot be ${bytes} bytes long`);
  if (disk.serial === '' && disk.wwn === '') throw refusal('a disk without serial number and WWN cannot be named');
  if (consent.kind === 'person' && !confirmations.has(desktopId, disk))
    throw refusal('nobody confirmed at this PC that this disk may be written');
}

/** The expected disk, found anew. */
async function find({ disk: wanted, bytes }: GuardRequest, ours: string | undefined): Promise<Disk> {
  const disks = await readDisks();
  const named = disks.filter((d) => sameName(d, wanted));
  const [disk] = named;
  if (!disk) throw refusal(missing(wanted, disks), 'Check that the disk is plugged in, or choose another one.');
  if (named.length > 1)
    throw refusal(`${named.length} disks answer to the serial number ${wanted.serial || wanted.wwn}`);
  if (!sameDisk(identityOf(disk), wanted))
    throw refusal(`the disk ${describe(wanted)} is not what it was: ${difference(wanted, identityOf(disk))}`);
  const failing = await isFailing(`/dev/${disk.name}`);
  const reason = reasonAgainst(disk, disks, { needed: bytes, failing, ours });
  if (reason) throw refusal(`the disk ${describe(wanted)} cannot be used: ${inWords(reason)}`);
  return disk;
}

/** Opens the disk for ourselves alone: the kernel refuses when it or a part of it is mounted or held by anything. */
async function claim(device: string, number: string): Promise<void> {
  const { rdev } = await stat(device, { bigint: true });
  if (deviceNumber(rdev) !== number) throw refusal(`${device} is not the device that was looked at`);
  try {
    const file = await open(device, constants.O_RDWR | constants.O_EXCL);
    await file.close(); // the device mapper has to open it now, and the kernel lets one at a time
  } catch (error) {
    throw refusal(`the disk is in use by something else (${messageOf(error)})`);
  }
}

/** `major:minor` of a dev_t as Linux packs it, see makedev(3). */
export function deviceNumber(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** The device is there and holds the disk: look once more that it lies over the right one. */
async function confirmCovered(before: Disk, { disk: wanted, bytes }: GuardRequest): Promise<void> {
  const ours = await coveringDevice();
  const now = (await readDisks()).find((d) => sameName(d, wanted));
  const right =
    ours?.disk === before.number &&
    ours.bytes === bytes &&
    now?.number === before.number &&
    now.sequence === before.sequence &&
    sameDisk(identityOf(now), wanted) &&
    now.holders.length === 1 &&
    now.holders[0] === ours.name;
  if (!right) throw refusal('the disk changed while it was being opened');
}

function missing(wanted: DiskIdentity, disks: readonly Disk[]): string {
  const twin = disks.find((d) => d.model === wanted.model && d.bytes === wanted.bytes);
  const instead = twin
    ? `; one of the same model is, with the serial number ${twin.serial || twin.wwn || 'unknown'}`
    : '';
  return `the disk ${describe(wanted)} is not in this PC${instead}`;
}

function describe({ model, serial, wwn }: DiskIdentity): string {
  return `${model ? `${model}, ` : ''}serial number ${serial || wwn},`;
}

function difference(before: DiskIdentity, now: DiskIdentity): string {
  const keys = ['serial', 'wwn', 'model', 'bytes'] as const;
  const changed = keys.filter((key) => before[key] !== now[key]);
  return changed.map((key) => `${key} was "${before[key]}" and is "${now[key]}"`).join(', ');
}

function refusal(why: string, hint?: string): UserError {
  return new UserError(`nothing was written: ${why}`, hint === undefined ? {} : { hint });
}
