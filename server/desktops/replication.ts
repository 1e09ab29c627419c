/**
 * The server's end of a desktop's DRBD resource. Every desktop runs on it from its first start on, alone until a PC is
 * attached, so that attaching changes nothing for the machine that runs.
 */
import { randomBytes } from 'node:crypto';
import { access, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { canBegin, worthCopying } from '#common/drbd/baseline.ts';
import { Drbd } from '#common/drbd/control.ts';
import { type DrbdEnd, renderResource } from '#common/drbd/resource.ts';
import { writeFileDurably } from '#common/files.ts';
import type { Folders } from '#common/hosting/places.ts';
import { createThin, devicePath, logicalVolumes, removeVolume, rename, setActive, snapshot } from '#common/lvm/lvm.ts';
import { mappedRanges } from '#common/lvm/thin-map.ts';
import type { Baseline, DrbdStatus } from '#common/protocol/host-link.ts';
import { run } from '#common/run.ts';
import { type DesktopRecord, HostingError } from '../hosting.ts';
import { diskVolume } from '../storage/images.ts';
import { GROUP, POOL } from '../storage/pool.ts';
import { SERVER_ADDRESS } from '../tunnel/addresses.ts';

/** A desktop's DRBD listens on this and its minor, on both ends. */
const FIRST_PORT = 20_000;

/** A desktop that is sent to the server arrives on this and its minor. */
const FIRST_MIGRATION_PORT = 40_000;

const MIB = 1024 ** 2;

const metadataVolume = (desktop: string) => `meta-${desktop}`;
/** What the server had before it took a PC's newer copy, until it has that whole. */
const oldVolume = (desktop: string) => `old-${desktop}`;

/** The name of a desktop's resource. */
export const resourceName = (desktop: string) => `desk-${desktop}`;

/** The id of the desktop whose resource this is. */
export function idOfResource(name: string): string | undefined {
  return name.match(/^desk-([0-9a-f]{16})$/)?.[1];
}

export const replicationPort = (minor: number) => FIRST_PORT + minor;

export const migrationPort = (minor: number) => FIRST_MIGRATION_PORT + minor;

/** The device that the desktop's machine works on. */
export const replicatedDisk = (minor: number) => `/dev/drbd${minor}`;

/** This server's end, for the resource's text. Pure. */
export function serverEnd({ id, minor }: DesktopRecord): DrbdEnd {
  return {
    address: SERVER_ADDRESS,
    port: replicationPort(minor),
    minor,
    disk: devicePath(GROUP, diskVolume(id)),
    meta: devicePath(GROUP, metadataVolume(id)),
  };
}

/**
 * Bytes of metadata for a disk: one bit for 4 KiB, 32 KiB of activity log, 4 KiB of superblock (drbd_int.h), in
 * whole extents of LVM.
 */
export function metadataBytes(diskBytes: number): number {
  return Math.ceil((diskBytes / 4096 / 8 + 64 * 1024) / (4 * MIB)) * 4 * MIB;
}

/** Disk states of a copy that is one moment's whole content, be it an older one. */
const CLEAN = ['UpToDate', 'Consistent', 'Outdated'];
/** Replication states in which this end is, and stays, up to date. */
const SETTLED = ['Established', 'SyncSource', 'PausedSyncS', 'VerifyS', 'VerifyT', 'Ahead'];

/** Pure: this end has everything, and nothing is about to be written over it. */
export function isWhole({ disk, connection, replication }: DrbdStatus): boolean {
  return disk === 'UpToDate' && connection === 'Connected' && SETTLED.includes(replication);
}

export class Replication {
  readonly drbd: Drbd;
  readonly #id: string;
  readonly #folder: string;
  readonly #log: Logger;

  constructor(id: string, { folders, log }: { folders: Folders; log: Logger }) {
    this.#id = id;
    this.#log = log;
    this.#folder = join(folders.state, 'drbd');
    const name = resourceName(id);
    this.drbd = new Drbd({ file: join(this.#folder, `${name}.res`), node: 'server', name });
  }

  /** Brings the resource up, with the text that was written last, or alone. */
  async open(desktop: DesktopRecord): Promise<void> {
    await this.#prepare(desktop);
    await this.drbd.up();
    await this.#countAsWhole();
    await settle();
  }

  /** Puts a new text in force; connects again if it was refused before. */
  async configure(desktop: DesktopRecord, text: string): Promise<void> {
    if (!(await this.drbd.status())) await this.#prepare(desktop);
    if (await there(this.#first)) await this.open(desktop); // alone: nobody may see it as it is now
    await this.#keepOld();
    await this.drbd.write(text);
    await this.drbd.adjust();
    await settle();
  }

  /**
   * From here on a disk that is zero now lacks only what this end has, and what is written. The connection is begun anew.
   * undefined: it cannot be told, and everything has to be looked at.
   */
  async baseline({ diskBytes }: DesktopRecord): Promise<Baseline | undefined> {
    const status = await this.drbd.status();
    if (!canBegin(diskBytes) || status?.disk !== 'UpToDate' || status.connection === 'Connected') return undefined;
    try {
      const uuid = await this.drbd.startNoting();
      return { uuid, used: worthCopying(await mappedRanges(GROUP, POOL, diskVolume(this.#id)), diskBytes) };
    } catch (err) {
      this.#log.warn({ err, desktop: this.#id }, 'what was never written is not known, and is looked for');
      return undefined;
    } finally {
      await this.drbd.adjust();
    }
  }

  /** Takes the disk for the machine that is to run here. An older copy is worth nothing from then on. */
  async promote(): Promise<void> {
    await this.drbd.primary();
    if ((await this.drbd.status())?.disk === 'UpToDate') await this.#forgetOld();
  }

  /** What the kernel says of it. */
  async role(): Promise<'down' | 'secondary' | 'primary'> {
    const status = await this.drbd.status();
    if (!status || status.disk === 'Diskless') return 'down';
    return status.role === 'Primary' ? 'primary' : 'secondary';
  }

  /** Takes it out of the kernel and deletes all that belongs to it, but for the disk itself. Idempotent. */
  async remove(): Promise<void> {
    await this.#down();
    await removeVolume(GROUP, metadataVolume(this.#id));
    await removeVolume(GROUP, oldVolume(this.#id));
    for (const file of [this.drbd.file, this.#first, this.#discarded, this.#restoring]) await rm(file, { force: true });
  }

  /**
   * Gives this disk's content up for a PC's newer one. What was there is kept as a snapshot, since until the last block
   * has come the disk is neither the old nor the new one. Done twice, the second time only connects.
   */
  async discard(desktop: DesktopRecord, text: string): Promise<void> {
    const begun = (await there(this.#discarded)) && (await this.drbd.status())?.disk === 'Inconsistent';
    if (!begun) {
      await this.#prepare(desktop);
      await this.#down();
      if (!(await this.#has(oldVolume(this.#id)))) await snapshot(GROUP, diskVolume(this.#id), oldVolume(this.#id));
      await writeFileDurably(this.#discarded, '', 0o600);
      await rm(this.#first, { force: true });
      await this.drbd.write(text);
      await this.drbd.createMetadata();
    }
    await this.configure(desktop, text);
  }

  /**
   * What was kept of the disk's older content may go, once that is whole, and it is certain that nothing is about to be
   * written over it. Idempotent.
   */
  async forgetOldIfWhole(): Promise<void> {
    const status = await this.drbd.status();
    if (status && isWhole(status)) await this.#forgetOld();
  }

  async #forgetOld(): Promise<void> {
    await rm(this.#discarded, { force: true });
    await removeVolume(GROUP, oldVolume(this.#id));
  }

  /**
   * The newer content will never come: back to what was kept. Where nothing was, a disk that is neither the old nor the
   * new one is taken for what it is, which whoever asks for this was told.
   */
  async restoreOld(desktop: DesktopRecord): Promise<void> {
    await this.#prepare(desktop);
    const status = await this.drbd.status();
    const whole = status ? CLEAN.includes(status.disk) : await this.drbd.isConsistent();
    if (whole && !(await there(this.#discarded))) return await this.#forgetOld();
    await this.#down();
    if (await this.#has(oldVolume(this.#id))) await writeFileDurably(this.#restoring, '', 0o600);
    await this.#finishRestoring();
    await removeVolume(GROUP, metadataVolume(this.#id)); // made anew, and the disk then counts as whole
    await rm(this.drbd.file, { force: true });
    await rm(this.#discarded, { force: true });
    await this.open(desktop);
  }

  /** The second half of {@link restoreOld}, also after a power cut in it. */
  async #finishRestoring(): Promise<void> {
    if (!(await there(this.#restoring))) return;
    if (await this.#has(oldVolume(this.#id))) {
      await removeVolume(GROUP, diskVolume(this.#id));
      await rename(GROUP, oldVolume(this.#id), diskVolume(this.#id));
    }
    await rm(this.#restoring, { force: true });
  }

  /**
   * Before a second one meets its peer: a snapshot, since while it is brought up to date it is neither the old copy nor
   * the new one, and the peer may be lost for good in the middle of that.
   */
  async #keepOld(): Promise<void> {
    const status = await this.drbd.status();
    if (status && (status.role !== 'Secondary' || status.connection === 'Connected')) return;
    if (!(status ? CLEAN.includes(status.disk) : await this.drbd.isConsistent())) return;
    if (await this.#has(oldVolume(this.#id))) return;
    await snapshot(GROUP, diskVolume(this.#id), oldVolume(this.#id)).catch((err) =>
      this.#log.warn({ err, desktop: this.#id }, 'nothing is kept should its PC be lost while the copy is written'),
    );
  }

  /** There while the content was given up and is not whole again. */
  get #discarded(): string {
    return join(this.#folder, `${resourceName(this.#id)}.discarded`);
  }

  /** There while the disk is replaced by what was kept of it. */
  get #restoring(): string {
    return join(this.#folder, `${resourceName(this.#id)}.restoring`);
  }

  /** There while the metadata was never used: it is being made, or has to be told that the disk is whole. */
  get #first(): string {
    return join(this.#folder, `${resourceName(this.#id)}.first`);
  }

  /** Volumes that are there and active, a text, and metadata. */
  async #prepare(desktop: DesktopRecord): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.#finishRestoring();
    const volumes = await logicalVolumes(GROUP);
    const disk = volumes.find((v) => v.name === diskVolume(this.#id));
    if (!disk) throw missing(this.#id);
    if (!disk.active) await setActive(GROUP, disk.name, true);
    const meta = volumes.find((v) => v.name === metadataVolume(this.#id));
    if (!meta) {
      await writeFileDurably(this.#first, '', 0o600);
      await createThin(GROUP, POOL, metadataVolume(this.#id), metadataBytes(disk.bytes));
    } else if (!meta.active) await setActive(GROUP, meta.name, true);
    if (!(await there(this.drbd.file))) await this.drbd.write(aloneText(desktop));
    if ((await this.drbd.status()) || (await this.drbd.hasMetadata()) || (await there(this.#discarded))) return;
    if (!(await there(this.#first))) {
      throw new HostingError('unavailable', 'what the server knows about the copies of this disk is damaged', {
        hint: `The volume ${GROUP}/${metadataVolume(this.#id)} holds no DRBD metadata.`,
      });
    }
    await this.drbd.createMetadata();
  }

  /**
   * New metadata says that the disk is worth nothing. When a desktop is opened for the first time its disk is the only
   * one there is, and is taken for what it is. Never at any other time: a disk that a resync was cut in also says
   * "inconsistent", and must not be believed.
   */
  async #countAsWhole(): Promise<void> {
    if (!(await there(this.#first))) return;
    if ((await this.drbd.status())?.disk === 'Inconsistent') {
      await this.drbd.primary({ force: true });
      await this.drbd.secondary();
    }
    await rm(this.#first, { force: true });
  }

  async #down(): Promise<void> {
    if (!(await this.drbd.status())) return;
    await this.drbd.unfreeze();
    await this.drbd.disconnect();
    await this.drbd.secondary();
    await this.drbd.down();
  }

  async #has(volume: string): Promise<boolean> {
    return (await logicalVolumes(GROUP)).some((v) => v.name === volume);
  }
}

/** The text for a desktop that no PC is attached to. */
function aloneText(desktop: DesktopRecord): string {
  return renderResource({
    name: resourceName(desktop.id),
    server: serverEnd(desktop),
    pc: undefined,
    diskBytes: desktop.diskBytes,
    protocol: 'A',
    twoPrimaries: false,
    secret: randomBytes(24).toString('base64url'),
  });
}

function missing(id: string): HostingError {
  return new HostingError('unavailable', 'the disk of this desktop is missing', {
    hint: `There is no volume ${GROUP}/${diskVolume(id)}: was it deleted by hand, or is a data disk missing?`,
  });
}

/** The device has its owner once udev has seen it. */
async function settle(): Promise<void> {
  await run(['udevadm', 'settle', '--timeout=20'], { timeoutMs: 30_000, okExitCodes: [0, 1] });
}

async function there(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
