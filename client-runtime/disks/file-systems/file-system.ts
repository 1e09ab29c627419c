import type { Extent } from '../partitions.ts';
import { BrokenStructure, type Reader } from '../reader.ts';

/** What of a file system cannot stay the same when somebody writes to it. */
export interface Structures {
  kind: string;
  /** Hashed from end to end. Bytes from the start of the partition. */
  whole: Extent[];
  /** Too big for that: their first MiB and a keyed sample. */
  sampled: Extent[];
}

/** Undefined: another file system. Throws BrokenStructure for one that contradicts itself. */
export type Probe = (reader: Reader) => Promise<Structures | undefined>;

/** A power of two within limits, as block sizes are. */
export function checkPower(value: number, min: number, max: number, what: string): number {
  if (value < min || value > max || (value & (value - 1)) !== 0)
    throw new BrokenStructure(`${what} cannot be ${value}`);
  return value;
}
