import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Range } from '#common/lvm/thin-map.ts';

/** Disks are hashed in pieces of this many bytes. */
export const PIECE_BYTES = 4 * 1024 ** 2;

/**
 * The hash that names the content of a disk: SHA-256 over the SHA-256s of its pieces of 4 MiB, the last one as long as
 * it is. Most of a disk is zero, and what a zero piece hashes to is known: comparing is many times faster than hashing,
 * and what was never written is not even read.
 * @param path a file or block device
 * @param known its size in bytes, and all of it that was ever written, ascending; without it everything is read
 * @returns lower-case hex
 */
export async function treeHash(path: string, known?: { bytes: number; written: readonly Range[] }): Promise<string> {
  const whole = createHash('sha256');
  const zeros = Buffer.alloc(PIECE_BYTES);
  const digestOfZeros = sha256(zeros);
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  const neverWritten = known ? unwritten(known) : () => false;
  const file = await open(path, 'r');
  try {
    for (let position = 0; ; position += PIECE_BYTES) {
      if (neverWritten(position)) {
        whole.update(digestOfZeros);
        continue;
      }
      const bytes = await fill(file, piece, position);
      if (bytes > 0) {
        const data = piece.subarray(0, bytes);
        whole.update(data.equals(zeros) ? digestOfZeros : sha256(data));
      }
      if (bytes < PIECE_BYTES) return whole.digest('hex');
    }
  } finally {
    await file.close();
  }
}

/** Tells, of ascending positions, whether the whole piece from there was never written. */
function unwritten({ bytes, written }: { bytes: number; written: readonly Range[] }): (position: number) => boolean {
  let next = 0;
  return (position) => {
    for (let range = written[next]; range && range.from + range.bytes <= position; range = written[next]) next += 1;
    const end = position + PIECE_BYTES;
    return end <= bytes && (written[next]?.from ?? bytes) >= end;
  };
}

/** Reads until the buffer is full or the file ends. */
async function fill(file: Awaited<ReturnType<typeof open>>, buffer: Buffer, position: number): Promise<number> {
  for (let done = 0; ; ) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done);
    done += bytesRead;
    if (bytesRead === 0 || done === buffer.length) return done;
  }
}

function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}
