/** The PC's end of a desktop's DRBD resource: the guarded disk under it, its metadata in memory. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { gapsIn } from '#common/drbd/baseline.ts';
import { Drbd } from '#common/drbd/control.ts';
import { messageOf, UserError } from '#common/errors.ts';
import { allowDesktopUser } from '#common/hosting/device-access.ts';
import { loadDrbd } from '#common/hosting/drbd-module.ts';
import type { Baseline, HostAnswer, HostArgs, SavedMetadata } from '#common/protocol/host-link.ts';
import { run } from '#common/run.ts';
import { checkFingerprint, makeFingerprint } from '../disks/fingerprint.ts';
import type { GuardedDisk, OpenGuarded } from '../disks/guard.ts';
import { makeZero } from '../disks/zeroing.ts';

/** The PC hosts one desktop at a time. */
export const PC_DISK = '/dev/drbd0';

/** Milliseconds. A disk that takes longer for its zeros gets them from DRBD, piece by piece. */
const ZEROING_LIMIT = 60_000;

export interface ReplicaOptions {
  /** Of the desktop. */
  id: string;
  /** `/run/flexdeploy`. */
  folder: string;
  openGuarded: OpenGuarded;
  log: Logger;
  /** Told while the disk is made zero where the server has nothing. */
  onEmptying(percent: number): void;
}

export class Replica {
  readonly drbd: Drbd;
  readonly #options: ReplicaOptions;
  #disk: GuardedDisk | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    const name = `desk-${options.id}`;
    this.drbd = new Drbd({ file: join(options.folder, `${name}.res`), node: 'pc', name });
  }

  /**
   * Opens the disk behind its guard, makes or restores the metadata, and connects. Nothing is left behind when it fails.
   * Done again, it puts the text in force and connects.
   * @param signal while the disk is made empty; what follows is short, and is done
   */
  async attach(args: HostArgs<'attach'>, signal: AbortSignal): Promise<HostAnswer<'attach'>> {
    const { desktop, resource, disk, consent, source } = args;
    await loadModules();
    // Also when it is open already: the guard then says that it is the right one.
    const guarded = await this.#options.openGuarded({
      disk,
      bytes: desktop.diskBytes,
      consent,
      desktopId: desktop.id,
    });
    this.#disk = guarded;
    await allowDesktopUser();
    await this.drbd.write(resource);
    // Also when it had to give its disk up (a frozen write, an error): the metadata knows what may be missing there.
    if (await this.drbd.status()) {
      if (!args.baseline) {
        await this.drbd.adjust();
        return { metadata: 'kept', why: 'the disk was attached all the time' };
      }
      await this.#down(); // the server's end has forgotten what this one lacked
    }
    try {
      const answer = await this.#makeMetadata(args, guarded, signal);
      await this.drbd.up();
      if (source === 'pc' && answer.metadata === 'new') await this.drbd.primary({ force: true });
      await settle();
      return answer;
    } catch (error) {
      await this.#undo();
      throw error;
    }
  }

  /** What waits for a server that went on without this PC is given up. */
  async unfreeze(): Promise<void> {
    if (await this.drbd.unfreeze()) this.#options.log.warn('what the desktop was writing is given up');
  }

  /** A new text of the same resource, put in force; connects again if it was refused before. */
  async configure(resource: string): Promise<void> {
    if (!(await this.drbd.status())) throw new UserError('the disk of this desktop is not attached to this PC');
    await this.drbd.write(resource);
    await this.drbd.adjust();
  }

  /** Takes DRBD down and lets the disk go. With `save`, what is needed to go on from here another time. */
  async detach(options: {
    save: boolean;
    disk: GuardedDisk['disk'];
    bytes: number;
  }): Promise<SavedMetadata | undefined> {
    await this.unfreeze();
    await this.#down();
    const path = this.#disk?.path;
    const saved = options.save && path !== undefined ? await this.#save({ ...options, path }) : undefined;
    await this.#disk?.release();
    this.#disk = undefined;
    return saved;
  }

  /** The disk is open and DRBD uses it, from before our process started: takes it over, through the guard again. */
  async find(open: { disk: GuardedDisk['disk']; bytes: number }): Promise<boolean> {
    if (!(await this.drbd.status())) return false;
    const { openGuarded, id } = this.#options;
    this.#disk = await openGuarded({ ...open, desktopId: id, consent: { kind: 'holdsThisDesktop' } });
    return true;
  }

  async #down(): Promise<void> {
    if (!(await this.drbd.status())) return;
    await this.drbd.disconnect();
    await this.drbd.secondary();
    await this.drbd.down();
  }

  async #makeMetadata(
    { saved, baseline, desktop, source }: HostArgs<'attach'>,
    guarded: GuardedDisk,
    signal: AbortSignal,
  ): Promise<HostAnswer<'attach'>> {
    const { log } = this.#options;
    if (baseline && source === 'server' && (await this.#begin(baseline, guarded, signal))) {
      return { metadata: 'new', why: 'the disk was made empty, and only what is used is copied' };
    }
    if (saved && source === 'server') {
      const { path, bytes, disk } = guarded;
      const check = await checkFingerprint({ path, bytes, disk, saved: saved.fingerprint });
      log.info({ desktop: desktop.id, ...check }, 'fingerprint of the disk');
      if (!check.same) return await this.#newMetadata(check.why);
      try {
        await this.drbd.restoreMetadata(saved.dump);
        return { metadata: 'restored', why: check.why };
      } catch (error) {
        log.warn({ desktop: desktop.id, err: error }, 'the saved metadata was not taken');
        return await this.#newMetadata(`the saved metadata could not be written back: ${messageOf(error)}`);
      }
    }
    return await this.#newMetadata(source === 'pc' ? 'this disk holds the newest copy' : 'nothing was saved');
  }

  /** Makes the disk zero where the server has nothing, and metadata that say so; `false`: not this disk. */
  async #begin(baseline: Baseline, { path, bytes }: GuardedDisk, signal: AbortSignal): Promise<boolean> {
    const { onEmptying: onPercent } = this.#options;
    try {
      const gaps = gapsIn(baseline.used, bytes);
      if (!(await makeZero(path, gaps, { withinMs: ZEROING_LIMIT, onPercent, signal }))) return false;
      await this.drbd.createMetadataFrom(baseline, bytes);
      return true;
    } catch (err) {
      signal.throwIfAborted();
      this.#options.log.warn({ err }, 'the disk was not made empty');
      return false;
    }
  }

  async #newMetadata(why: string): Promise<HostAnswer<'attach'>> {
    await this.drbd.createMetadata();
    return { metadata: 'new', why };
  }

  async #save(from: { path: string; bytes: number; disk: GuardedDisk['disk'] }): Promise<SavedMetadata | undefined> {
    try {
      return { dump: await this.drbd.dumpMetadata(), fingerprint: await makeFingerprint(from) };
    } catch (err) {
      // Without it the disks are compared when it is back: slower, and nothing is lost.
      this.#options.log.warn({ err }, 'the metadata was not saved');
      return undefined;
    }
  }

  async #undo(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#down();
      await this.#disk?.release();
      this.#disk = undefined;
    } catch (err) {
      log.error({ err }, 'what was begun to be attached is still there');
    }
  }
}

/** The RAM disk for the metadata, of the size that the kernel's command line asks for, and DRBD itself. */
async function loadModules(): Promise<void> {
  await mkdir('/run/lock', { recursive: true }); // drbdmeta's lock files; nothing else here wants the folder
  await run(['systemctl', 'start', 'flexdeploy-ramdisk.service'], { timeoutMs: 60_000 });
  await loadDrbd();
}

/** The device has its owner once udev has seen it. */
async function settle(): Promise<void> {
  await run(['udevadm', 'settle', '--timeout=20'], { timeoutMs: 30_000, okExitCodes: [0, 1] });
}
