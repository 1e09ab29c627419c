/**
 * One DRBD resource on this machine, driven with drbdadm, drbdsetup and drbdmeta (drbd-utils 9.22, DRBD 8.4). Every
 * method may be called again when it has done its work already. Needs root and the module drbd.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import type { Baseline, DrbdStatus } from '#common/protocol/host-link.ts';
import { RunError, type RunOptions, type RunResult, run } from '#common/run.ts';
import { metadataText } from './baseline.ts';
import { parseNow } from './events.ts';
import { type DrbdNode, hasPeer } from './resource.ts';

/** Milliseconds. A role change may wait for a peer that has just gone: ping-int + ping-timeout is 8 s. */
const LIMIT = 30_000;
/** Milliseconds for what reads or writes all metadata, on a slow machine. */
const METADATA_LIMIT = 120_000;

/**
 * Bytes. A resource that has never seen its peer cuts everything into pieces of 4 KiB, for the oldest peer there could
 * be; all of ours take this much (DRBD_MAX_BIO_SIZE, protocol 100 and later).
 */
const LARGEST_REQUEST = 1024 ** 2;

/** Answers of the kernel that say "that is so already" (drbd.h, enum drbd_ret_code). */
const ALREADY = { paused: 134, notPaused: 135, attached: 124, connected: 125, unknownResource: 158 } as const;

export interface DrbdOptions {
  /** Where this machine keeps the resource's text. */
  file: string;
  /** Which end this machine is. */
  node: DrbdNode;
  /** As in the text: `desk-ID`. */
  name: string;
}

export class Drbd {
  readonly file: string;
  readonly node: DrbdNode;
  readonly name: string;

  constructor({ file, node, name }: DrbdOptions) {
    this.file = file;
    this.node = node;
    this.name = name;
  }

  /**
   * Puts a new text in place, after drbdadm has read it and found this end in it. The kernel is not told: see
   * {@link adjust}.
   */
  async write(text: string): Promise<void> {
    const candidate = `${this.file}.candidate`;
    await writeFileDurably(candidate, text, 0o600);
    try {
      await this.#adm(['sh-minor', this.name], { file: candidate, timeoutMs: 10_000 });
      await writeFileDurably(this.file, text, 0o600);
    } finally {
      await rm(candidate, { force: true });
    }
  }

  /** Whether there is metadata on the metadata device. */
  async hasMetadata(): Promise<boolean> {
    const { code } = await this.#adm(['show-gi', this.name], { okExitCodes: [0, 1, 10, 20, 255] });
    return code === 0;
  }

  /** Of a resource that is down: whether its metadata says that the disk is one moment's whole content. */
  async isConsistent(): Promise<boolean> {
    return (await this.#generations())[4] === '1';
  }

  /** New, empty metadata: everything is out of sync, and this end has nothing that anybody wants. Wipes what was there. */
  async createMetadata(): Promise<void> {
    await this.#meta('create-md', `--peer-max-bio-size=${LARGEST_REQUEST}`);
  }

  /** New metadata for a disk that is zero outside of `baseline.used`: only that is out of sync. Wipes what was there. */
  async createMetadataFrom(baseline: Baseline, diskBytes: number): Promise<void> {
    const text = metadataText(baseline, { diskBytes, largestRequest: LARGEST_REQUEST });
    await this.createMetadata();
    await this.restoreMetadata(text);
  }

  /**
   * Disconnects, and notes from now on what is written: a peer whose data are those of this moment gets only that.
   * @returns the generation of the data of this moment, as a peer has to name it
   */
  async startNoting(): Promise<string> {
    await this.disconnect();
    await this.#adm(['new-current-uuid', '--clear-bitmap', `${this.name}/0`], { timeoutMs: METADATA_LIMIT });
    const [, bitmap = ''] = await this.#generations();
    if (!/^[0-9A-F]{16}$/.test(bitmap)) throw new UserError(`${this.name} does not tell its generation: ${bitmap}`);
    // the lowest bit tells of a primary and is none of the number
    return (BigInt(`0x${bitmap}`) & ~1n).toString(16).toUpperCase().padStart(16, '0');
  }

  /** Attaches disk and metadata, and connects if the text names a peer. */
  async up(): Promise<void> {
    await this.adjust();
  }

  /** Makes the kernel's configuration that of the text, without interrupting what runs. */
  async adjust(): Promise<void> {
    if (hasPeer(await readFile(this.file, 'utf8'))) {
      await this.#adm(['adjust', this.name]);
      // refused by the other end before, and perhaps not any more
      if ((await this.status())?.connection === 'StandAlone') await this.connect();
      return;
    }
    await this.disconnect();
    const status = await this.status();
    if (!status) {
      await this.#adm(['new-resource', this.name]);
      await this.#adm(['new-minor', this.name]);
    }
    if (!status || status.disk === 'Diskless') await this.#adm(['attach', this.name], { okay: [ALREADY.attached] });
    else await this.#adm(['disk-options', this.name]);
    await this.#adm(['resource-options', this.name]);
  }

  /** Takes the resource out of the kernel. It must be secondary. */
  async down(): Promise<void> {
    await this.#adm(['down', this.name], { okay: [ALREADY.unknownResource] });
  }

  async connect(): Promise<void> {
    await this.#adm(['connect', this.name], { okay: [ALREADY.connected] });
  }

  /** Ends the connection, with whomever it is. */
  async disconnect(): Promise<void> {
    const addresses = await this.#addresses();
    if (addresses) await run(['drbdsetup', 'disconnect', ...addresses], { timeoutMs: LIMIT });
  }

  /** @param options `force`: also when the disk is not up to date; it is from then on, whatever is on it */
  async primary(options: { force?: boolean } = {}): Promise<void> {
    await this.#adm(['primary', ...(options.force ? ['--force'] : []), this.name]);
  }

  async secondary(): Promise<void> {
    await this.#adm(['secondary', this.name]);
  }

  /**
   * Gives up writes that wait for a peer which will not have them: they fail, whoever waits for them can be ended, and
   * the disk is no longer attached. No effect when nothing waits. `true`: something did.
   */
  async unfreeze(): Promise<boolean> {
    if (!(await this.status())?.suspended) return false;
    await this.disconnect();
    await this.#adm(['detach', '--force', this.name]);
    await this.#adm(['resume-io', this.name], { okExitCodes: [0, 10, 17] });
    return true;
  }

  async pauseSync(): Promise<void> {
    await this.#adm(['pause-sync', this.name], { okay: [ALREADY.paused] });
  }

  async resumeSync(): Promise<void> {
    await this.#adm(['resume-sync', this.name], { okay: [ALREADY.notPaused] });
  }

  /** Starts to compare both disks. What differs is out of sync then, and copied after the next connect. */
  async verify(): Promise<void> {
    await this.#adm(['verify', this.name]);
  }

  /** This end's data counts for nothing any more: everything comes from the peer. */
  async invalidate(): Promise<void> {
    await this.#adm(['invalidate', this.name]);
  }

  /** The metadata as text; the resource must be down. The activity log is applied first, or it could not be restored. */
  async dumpMetadata(): Promise<string> {
    await this.#adm(['apply-al', this.name], { timeoutMs: METADATA_LIMIT });
    const { stdout } = await this.#adm(['dump-md', this.name], { timeoutMs: METADATA_LIMIT });
    return stdout;
  }

  /** Writes metadata from {@link dumpMetadata} to the metadata device; the resource must be down. */
  async restoreMetadata(dump: string): Promise<void> {
    const file = `${this.file}.metadata`;
    await writeFile(file, dump, { mode: 0o600 });
    try {
      await this.#meta('restore-md', file);
    } finally {
      await rm(file, { force: true });
    }
    await this.#adm(['apply-al', this.name], { timeoutMs: METADATA_LIMIT });
  }

  /** What the kernel says; undefined: it does not know the resource. */
  async status(): Promise<DrbdStatus | undefined> {
    const { stdout } = await run(['drbdsetup', 'events2', '--now', '--statistics', this.name], {
      okExitCodes: [0, 10, 20],
      timeoutMs: 10_000,
    });
    return parseNow(stdout).get(this.name);
  }

  /** current:bitmap:history:history:consistent:was-up-to-date:… (drbdmeta.c, m_get_v8_uuids); none without metadata. */
  async #generations(): Promise<string[]> {
    const { code, stdout } = await this.#adm(['get-gi', this.name], { okExitCodes: [0, 1, 10, 20, 255] });
    return code === 0 ? (stdout.trim().split('\n').at(-1)?.split(':') ?? []) : [];
  }

  /** Both ends of the connection that the kernel has, which may not be that of the text. */
  async #addresses(): Promise<[local: string, peer: string] | undefined> {
    const { stdout } = await run(['drbdsetup', 'show', this.name], { okExitCodes: [0, 10, 20], timeoutMs: 10_000 });
    const of = (host: string) => stdout.match(new RegExp(`${host} \\{\\s*address\\s+(\\w+) ([^;\\s]+);`));
    const [local, peer] = [of('_this_host'), of('_remote_host')];
    return local && peer ? [`${local[1]}:${local[2]}`, `${peer[1]}:${peer[2]}`] : undefined;
  }

  /** drbdmeta itself, for what drbdadm does not pass on. Asks nothing; the resource must be down. */
  async #meta(...command: string[]): Promise<void> {
    const [minor, device] = await Promise.all([this.#ask('sh-minor'), this.#ask('sh-md-dev')]);
    const argv: [string, ...string[]] = ['drbdmeta', '--force', minor, 'v08', device, 'flex-external', ...command];
    await run(argv, { input: 'yes\nyes\n', timeoutMs: METADATA_LIMIT });
  }

  async #ask(question: string): Promise<string> {
    return (await this.#adm([question, this.name], { timeoutMs: 10_000 })).stdout.trim();
  }

  /** @param options `okay`: answers of the kernel that are as good as success */
  async #adm(
    argv: readonly string[],
    options: RunOptions & { file?: string; okay?: readonly number[] } = {},
  ): Promise<RunResult> {
    const { file = this.file, okay = [], ...rest } = options;
    try {
      return await run(['drbdadm', '--config-file', file, ...argv], {
        timeoutMs: LIMIT,
        ...rest,
        env: { __DRBD_NODE__: this.node },
      });
    } catch (error) {
      const code = error instanceof RunError ? kernelAnswer(error.stderr) : undefined;
      if (error instanceof RunError && code !== undefined && okay.includes(code)) {
        return { code: 0, stdout: error.stdout, stderr: error.stderr };
      }
      throw error;
    }
  }
}

/** drbdsetup prints `Failure: (134) Sync-pause flag is already set`. */
function kernelAnswer(stderr: string): number | undefined {
  const code = stderr.match(/Failure: \((\d+)\)/)?.[1];
  return code === undefined ? undefined : Number(code);
}
