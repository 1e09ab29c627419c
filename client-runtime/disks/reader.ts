/** Reads pieces of a block device or of a file, and never writes. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { UserError } from '#common/errors.ts';
import { run } from '#common/run.ts';

export interface Reader {
  /** Everything from here on does not exist for this reader. */
  readonly bytes: number;
  /** Always `length` bytes. Throws where there are none: broken structures point anywhere. */
  read(offset: number, length: number): Promise<Buffer>;
}

/** A structure on the disk says something that cannot be. */
export class BrokenStructure extends UserError {
  override readonly name = 'BrokenStructure';
}

/** Nobody needs more in one piece; what a broken structure asks for may be anything. */
const MAX_PIECE = 64 * 1024 * 1024;

/** Opens for reading, does the work, closes. What the page cache remembers of a block device is forgotten first. */
export async function withReader<T>(path: string, bytes: number, work: (reader: Reader) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDONLY);
  try {
    // DRBD writes past the page cache of the device below it: old pages must not be taken for the disk
    if ((await file.stat()).isBlockDevice()) await run(['blockdev', '--flushbufs', path]);
    return await work({
      bytes,
      async read(offset, length) {
        checkRange(offset, length, bytes);
        const buffer = Buffer.alloc(length);
        const { bytesRead } = await file.read(buffer, 0, length, offset);
        if (bytesRead !== length) throw new UserError(`${path}: only ${bytesRead} of ${length} bytes at ${offset}`);
        return buffer;
      },
    });
  } finally {
    await file.close();
  }
}

/** A part of what another reader reads: a partition. */
export function partOf(reader: Reader, start: number, bytes: number): Reader {
  return {
    bytes,
    read(offset, length) {
      checkRange(offset, length, bytes);
      return reader.read(start + offset, length);
    },
  };
}

/** @throws BrokenStructure when such a piece cannot be */
function checkRange(offset: number, length: number, bytes: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (!whole || offset < 0 || length < 0 || length > MAX_PIECE || offset + length > bytes)
    throw new BrokenStructure(`there are no ${length} bytes at ${offset} of ${bytes}`);
}
