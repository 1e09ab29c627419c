/**
 * Golden images: read-only thin volumes `img-NAME`. An import works on volumes with other names (`spool-…`, `new-…`)
 * and the last step is the rename: an image that is there is whole. What a crash left is removed at the next start.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Cleanup } from '#common/cleanup.ts';
import { diskSize } from '#common/drbd/resource.ts';
import { messageOf } from '#common/errors.ts';
import {
  createThin,
  devicePath,
  logicalVolumes,
  removeVolume,
  rename,
  setActive,
  setReadOnly,
  snapshot,
} from '#common/lvm/lvm.ts';
import { mappedRanges } from '#common/lvm/thin-map.ts';
import { RunError, run } from '#common/run.ts';
import { HostingError, type ImportRequest } from '../hosting.ts';
import { FULL_AT_PERCENT, GROUP, POOL, type PoolStatus, poolStatus } from './pool.ts';
import { HEADER_BYTES, readHeader } from './qcow2.ts';
import { treeHash } from './tree-hash.ts';

const MIB = 1024 ** 2;
/** Size of LVM's extents: every volume is a multiple of it. */
const EXTENT_BYTES = 4 * MIB;
/** The spool's size when the sender does not tell the length. It is thin: only what is written takes space. */
const SPOOL_BYTES = 1024 ** 4;
/** Between two looks at how full the pool is while data streams in. */
const CHECK_EVERY_BYTES = 256 * MIB;
/** Milliseconds. Converting and checking are bound by the disk; this is for something that hangs. */
const CONVERT_LIMIT = 6 * 3600_000;

/** Names being imported by this process. */
const importing = new Set<string>();

export const imageVolume = (image: string) => `img-${image}`;
export const diskVolume = (desktop: string) => `desk-${desktop}`;

/** Receives an image, checks it, and keeps it as `img-NAME`. Leaves nothing behind when it fails. */
export async function importImage(request: ImportRequest): Promise<{ diskBytes: number; sha256: string }> {
  if (importing.has(request.name)) throw new HostingError('conflict', `the image ${request.name} is being imported`);
  importing.add(request.name);
  try {
    return await importAlone(request);
  } finally {
    importing.delete(request.name);
  }
}

async function importAlone(request: ImportRequest): Promise<{ diskBytes: number; sha256: string }> {
  const { name } = request;
  await requireSpace();
  const volumes = await logicalVolumes(GROUP);
  if (volumes.some((v) => v.name === imageVolume(name))) {
    throw new HostingError('conflict', `the image ${name} exists already`);
  }
  await removeImage(name); // what an import left that did not end
  const cleanup = new Cleanup();
  try {
    const spool = `spool-${name}`;
    cleanup.add(`removing ${spool}`, () => removeVolume(GROUP, spool));
    await createThin(GROUP, POOL, spool, roundUp(request.bytes ?? SPOOL_BYTES));
    const { head, bytes } = await receive(request, devicePath(GROUP, spool));
    const header = readHeader(head);
    if (header.kind === 'refused') throw new HostingError('bad_request', `the image was refused: ${header.reason}`);
    if (header.kind === 'raw' && bytes % 512 !== 0) {
      throw new HostingError('bad_request', 'the image was refused: a raw disk has a multiple of 512 bytes', {
        hint: 'Is it a raw disk or a qcow2 file at all?',
      });
    }
    const diskBytes = diskSize(header.kind === 'raw' ? bytes : header.diskBytes);
    await requireRoomFor(await dataBytes(header.kind, { from: devicePath(GROUP, spool), bytes }));
    const fresh = `new-${name}`;
    cleanup.add(`removing ${fresh}`, () => removeVolume(GROUP, fresh));
    await createThin(GROUP, POOL, fresh, diskBytes);
    await convert(header.kind, { from: devicePath(GROUP, spool), bytes, to: devicePath(GROUP, fresh) });
    // Where the pool cannot be asked, the whole volume is read, which gives the same hash.
    const written = await mappedRanges(GROUP, POOL, fresh).catch(() => undefined);
    const sha256 = await treeHash(devicePath(GROUP, fresh), written && { bytes: diskBytes, written });
    await requireSpace();
    await removeVolume(GROUP, spool);
    await setActive(GROUP, fresh, false);
    await setReadOnly(GROUP, fresh);
    await rename(GROUP, fresh, imageVolume(name));
    cleanup.disarm();
    return { diskBytes, sha256 };
  } catch (error) {
    request.body.destroy();
    await cleanup.run();
    throw asHostingError(error);
  }
}

/** Deletes an image, or what is left of an import. Desktops made from it keep their disks. */
export async function removeImage(name: string): Promise<void> {
  for (const volume of [imageVolume(name), `spool-${name}`, `new-${name}`]) await removeVolume(GROUP, volume);
}

/** Removes what imports left that did not end. Only at start, when none is running. Returns their names. */
export async function removeLeftovers(): Promise<string[]> {
  const names = (await logicalVolumes(GROUP)).map((v) => v.name).filter((n) => /^(spool|new)-/.test(n));
  for (const name of names) await removeVolume(GROUP, name);
  return names;
}

/** Makes a desktop's disk: a snapshot of its image, there at once. */
export async function cloneDisk(image: string, desktop: string): Promise<void> {
  await requireSpace();
  const volumes = await logicalVolumes(GROUP);
  if (!volumes.some((v) => v.name === imageVolume(image))) {
    throw new HostingError('not_found', `there is no disk of the image ${image}`);
  }
  await snapshot(GROUP, imageVolume(image), diskVolume(desktop));
}

/** Throws `unavailable`, with the reason, unless there is room for more. */
export async function requireSpace(): Promise<void> {
  const problem = spaceProblem(await poolStatus());
  if (problem) throw problem;
}

/** Throws `unavailable` when so many bytes more would not leave what runs enough. A full pool makes everybody wait. */
async function requireRoomFor(bytes: number): Promise<void> {
  const status = await poolStatus();
  const after = status.kind === 'ready' ? status.dataPercent + (bytes / status.bytes) * 100 : 0;
  const problem = spaceProblem(status.kind === 'ready' ? { ...status, dataPercent: Math.ceil(after) } : status);
  if (problem) throw problem;
}

/** How many bytes of a disk have to be written. */
async function dataBytes(format: 'raw' | 'qcow2', from: { from: string; bytes: number }): Promise<number> {
  if (format === 'raw') return from.bytes;
  // As qcow2, because that leaves out what is not there; the little more for its own tables does no harm.
  const argv = ['measure', '--output', 'json', '-O', 'qcow2', '--image-opts', sourceOptions(format, from)] as const;
  const { stdout } = await run(['qemu-img', ...argv], { timeoutMs: CONVERT_LIMIT });
  const { required } = JSON.parse(stdout) as { required?: number };
  return required ?? 0;
}

export function spaceProblem(status: PoolStatus): HostingError | undefined {
  if (status.kind === 'unavailable') {
    return new HostingError('unavailable', `there is no storage: ${status.reason}`, { hint: status.hint });
  }
  const { dataPercent, metadataPercent } = status;
  if (dataPercent < FULL_AT_PERCENT && metadataPercent < FULL_AT_PERCENT) return undefined;
  const what = dataPercent >= FULL_AT_PERCENT ? `${dataPercent} % of its data` : `${metadataPercent} % of its metadata`;
  return new HostingError('unavailable', `the storage of the server is nearly full (${what} space is in use)`, {
    hint: 'Delete desktops or images that are not needed, or add a disk to the volume group.',
  });
}

/** Streams the body to the spool, hashing it. Returns its first bytes and its length. */
async function receive(request: ImportRequest, spool: string): Promise<{ head: Buffer; bytes: number }> {
  const hash = createHash('sha256');
  const head: Buffer[] = [];
  let headBytes = 0;
  let written = 0;
  let nextCheck = CHECK_EVERY_BYTES;
  const limit = roundUp(request.bytes ?? SPOOL_BYTES);
  const file = await open(spool, 'r+');
  try {
    for await (const piece of pieces(request.body, MIB)) {
      if (written + piece.length > limit) throw new HostingError('bad_request', 'more bytes came than were announced');
      if (headBytes < HEADER_BYTES) {
        head.push(piece.subarray(0, HEADER_BYTES - headBytes));
        headBytes += piece.length;
      }
      hash.update(piece);
      await writeAll(file, piece, written);
      written += piece.length;
      request.onProgress(written);
      if (written >= nextCheck) {
        nextCheck += CHECK_EVERY_BYTES;
        await file.datasync();
        await requireSpace();
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (request.bytes !== undefined && written !== request.bytes) {
    throw new HostingError('bad_request', `the upload ended early: ${written} of ${request.bytes} bytes`);
  }
  if (written === 0) throw new HostingError('bad_request', 'the upload is empty');
  const found = hash.digest('hex');
  if (found !== request.sha256) {
    throw new HostingError('bad_request', 'the upload arrived damaged: its SHA-256 is not the one announced', {
      hint: `expected ${request.sha256}, got ${found}`,
    });
  }
  return { head: Buffer.concat(head), bytes: written };
}

/** The stream in pieces of about `size` bytes: small writes to a block device cost a read each. */
async function* pieces(body: Readable, size: number): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    const buffer: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    waiting.push(buffer);
    bytes += buffer.length;
    if (bytes < size) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

async function writeAll(file: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await file.write(data, done, data.length - done, position + done);
    done += bytesWritten;
  }
}

/** Writes the disk in the spool to its own volume, leaving out what is zero. The format is told, never guessed. */
async function convert(format: 'raw' | 'qcow2', job: { from: string; bytes: number; to: string }): Promise<void> {
  const source = ['--image-opts', sourceOptions(format, job)] as const;
  if (format === 'qcow2') {
    // 3: clusters that nobody uses, which does no harm.
    const check = await run(['qemu-img', 'check', ...source], {
      okExitCodes: [0, 1, 2, 3, 63],
      timeoutMs: CONVERT_LIMIT,
    });
    if (check.code !== 0 && check.code !== 3) {
      const why = (check.stderr || check.stdout).trim().split('\n').slice(-3).join('; ');
      throw new HostingError('bad_request', `the image was refused: qemu-img check found it damaged: ${why}`);
    }
  }
  const how = ['--target-is-zero', '-n', '-W', '-t', 'none', '-T', 'none', '-S', '64k'];
  await run(['qemu-img', 'convert', ...how, ...source, '-O', 'raw', job.to], { timeoutMs: CONVERT_LIMIT });
}

function sourceOptions(format: 'raw' | 'qcow2', { from, bytes }: { from: string; bytes: number }): string {
  const store = `file.driver=host_device,file.filename=${from}`;
  return format === 'qcow2' ? `driver=qcow2,${store}` : `driver=raw,size=${bytes},${store}`;
}

function roundUp(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / EXTENT_BYTES)) * EXTENT_BYTES;
}

function asHostingError(error: unknown): unknown {
  if (error instanceof HostingError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC') return new HostingError('unavailable', 'the storage of the server is full', { cause: error });
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET') {
    return new HostingError('bad_request', 'the upload was broken off', { cause: error });
  }
  if (error instanceof RunError && error.message.includes('qemu-img')) {
    return new HostingError('bad_request', `the image could not be read: ${messageOf(error)}`, { cause: error });
  }
  return error;
}
