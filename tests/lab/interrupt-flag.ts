/**
 * SVM's global interrupt flag (GIF) of an emulated processor, in the memory of its QEMU: no command of QEMU's shows it.
 * A processor's state begins with its registers, so they tell where it is while the processor sleeps. The order of the
 * fields is that of `CPUX86State` (QEMU 7.2 to 10.0: target/i386/cpu.h); where it is another one, nothing is found.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';

/** As QEMU keeps them: `regs[]`, then `eip`. */
const REGISTERS = [
  ...['RAX', 'RCX', 'RDX', 'RBX', 'RSP', 'RBP', 'RSI', 'RDI'],
  ...['R8', 'R9', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15', 'RIP'],
];
/** Bytes from the first register: past `eflags`, `cc_dst`, `cc_src`, `cc_src2` (8 each), `cc_op` and `df` (4 each). */
const HFLAGS = REGISTERS.length * 8 + 4 * 8 + 2 * 4;
const HFLAGS2 = HFLAGS + 4;
/** `HF_CPL_MASK`, `HF_LMA_MASK`, `HF_CS64_MASK`, `HF_SVME_MASK`, `HF_GUEST_MASK`. */
const [CPL, LMA, CS64, SVME, GUEST] = [0x3, 1 << 14, 1 << 15, 1 << 20, 1 << 21];
/** A kernel that has switched KVM on, outside of any desktop. */
const [LOOK_AT, KERNEL] = [CPL | LMA | CS64 | SVME | GUEST, LMA | CS64 | SVME];
/** `HF2_GIF_MASK`; no flag above these is known. */
const [GIF, HIGHEST] = [1, 1 << 8];

/** Where states of processors were found, by process: they do not move, and looking through all of its memory takes 0.2 s. */
const known = new Map<number, Set<number>>();

/** Bytes: larger mappings are the guest's memory and the translator's code. */
const LARGEST_MAPPING = 256 * 1024 ** 2;

/**
 * Pure: the bytes with which the state of a processor begins.
 * @param registers what QEMU's monitor says to `info registers`; undefined where it is no processor in 64-bit mode
 */
export function beginOfState(registers: string): Buffer | undefined {
  const bytes = Buffer.alloc(REGISTERS.length * 8);
  for (const [i, name] of REGISTERS.entries()) {
    const value = new RegExp(`\\b${name} *=([0-9a-f]{16})\\b`).exec(registers)?.[1];
    if (value === undefined) return undefined;
    bytes.writeBigUInt64LE(BigInt(`0x${value}`), i * 8);
  }
  return bytes;
}

/**
 * Pure: where in `memory` the flags of the processor are, or -1. What only looks like its state is passed over.
 * @param begin from {@link beginOfState}
 */
export function findFlags(memory: Buffer, begin: Buffer): number {
  for (let at = memory.indexOf(begin); at >= 0; at = memory.indexOf(begin, at + 8)) {
    if (at + HFLAGS2 + 4 > memory.length) return -1;
    const inKernel = (memory.readUInt32LE(at + HFLAGS) & LOOK_AT) === KERNEL;
    if (inKernel && memory.readUInt32LE(at + HFLAGS2) < 2 * HIGHEST) return at + HFLAGS2;
  }
  return -1;
}

/**
 * Sets or clears the flag of a processor that sleeps in its kernel's idle loop.
 * @param pid of its QEMU: a process of ours
 * @returns what the flag was; undefined where it was not found, and nothing was written
 */
export async function setInterruptFlag(pid: number, registers: string, on: boolean): Promise<boolean | undefined> {
  const begin = beginOfState(registers);
  if (!begin) return undefined;
  const memory = await open(`/proc/${pid}/mem`, 'r+');
  try {
    const at = await addressOfFlags(memory, pid, begin);
    if (at === undefined) return undefined;
    const [before = 0] = await readAt(memory, at, 1);
    await memory.write(Buffer.of(on ? before | GIF : before & ~GIF), 0, 1, at);
    return (before & GIF) !== 0;
  } finally {
    await memory.close();
  }
}

async function addressOfFlags(memory: FileHandle, pid: number, begin: Buffer): Promise<number | undefined> {
  const places = known.get(pid) ?? new Set();
  known.set(pid, places);
  for (const start of places) {
    if (findFlags(await readAt(memory, start, HFLAGS2 + 4), begin) >= 0) return start + HFLAGS2;
  }
  for (const mapping of (await readFile(`/proc/${pid}/maps`, 'utf8')).trim().split('\n')) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw-p /.exec(mapping) ?? [];
    if (!from || !to) continue;
    const [start, length] = [Number.parseInt(from, 16), Number.parseInt(to, 16) - Number.parseInt(from, 16)];
    if (length > LARGEST_MAPPING) continue;
    const flags = findFlags(await readAt(memory, start, length), begin);
    if (flags < 0) continue;
    places.add(start + flags - HFLAGS2);
    return start + flags;
  }
  return undefined;
}

/** As much of it as can be read. */
async function readAt(memory: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await memory.read(bytes, done, length - done, start + done).catch(() => ({ bytesRead: 0 }));
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
