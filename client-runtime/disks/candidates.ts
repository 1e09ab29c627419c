/** The PC's disks as a person chooses among them: what is on each, and why another cannot be taken. */
import { messageOf } from '#common/errors.ts';
import { run } from '#common/run.ts';
import type { DiskChoice, DiskContents } from '../kiosk/protocol.ts';
import { fatDirectory } from './file-systems/fat.ts';
import { isFailing } from './health.ts';
import { type BlockDevice, type Disk, readDisks } from './inventory.ts';
import { coveringDevice } from './mapping.ts';
import { withReader } from './reader.ts';
import { identityOf, reasonAgainst } from './rules.ts';

/** @param needed size of the desktop's disk, in bytes */
export async function listDisks(needed: number, log: (words: string) => void): Promise<DiskChoice[]> {
  const [disks, ours] = await Promise.all([readDisks(), coveringDevice()]);
  const choices = await Promise.all(disks.map((disk) => choice(disk, disks, { needed, ours: ours?.name, log })));
  return choices.sort((a, b) => Number(a.reason !== undefined) - Number(b.reason !== undefined));
}

async function choice(
  disk: Disk,
  all: readonly Disk[],
  options: { needed: number; ours: string | undefined; log: (words: string) => void },
): Promise<DiskChoice> {
  const [failing, systems] = await Promise.all([isFailing(`/dev/${disk.name}`), systemsOn(disk, options.log)]);
  const reason = reasonAgainst(disk, all, { ...options, failing });
  return { disk: identityOf(disk), name: disk.name, contents: contentsOf(disk, systems), ...(reason && { reason }) };
}

export function contentsOf(disk: BlockDevice, systems: string[]): DiskContents {
  const partitions = disk.children.filter((child) => child.type === 'part');
  const described = partitions.length > 0 ? partitions : disk.fileSystem === '' ? [] : [disk];
  return {
    table: disk.partitionTable,
    systems,
    partitions: described.slice(0, 128).map((p) => ({
      bytes: p.bytes,
      fileSystem: p.fileSystem,
      label: p.label || p.partitionLabel,
      type: p.partitionType,
    })),
  };
}

/** Operating systems on a disk, found without mounting anything. What cannot be read is left out. */
async function systemsOn(disk: Disk, log: (words: string) => void): Promise<string[]> {
  const named: string[] = [];
  const hinted: string[] = [];
  for (const part of disk.children.length > 0 ? disk.children : [disk]) {
    try {
      if (part.fileSystem === 'ext4' || part.fileSystem === 'ext3') named.push(...(await linuxName(part)));
      if (part.fileSystem === 'vfat') hinted.push(...(await bootLoaders(part)));
    } catch (error) {
      log(`what is on ${part.name} could not be read: ${messageOf(error)}`);
    }
    hinted.push(...byType(part));
  }
  return mergeSystems(named, hinted);
}

/** Exact names first; a boot loader or a partition's type only where no exact name says the same. */
export function mergeSystems(named: readonly string[], hinted: readonly string[]): string[] {
  const all = [...new Set(named)];
  for (const hint of hinted) {
    const known = all.some((name) => name.toLowerCase().startsWith(hint.toLowerCase()));
    const vague = hint === 'Linux' && all.some((name) => name !== 'Windows');
    if (!known && !vague) all.push(hint);
  }
  return all.slice(0, 8).map((name) => name.slice(0, 80));
}

/** From os-release(5), read by debugfs straight from the file system, which it opens for reading only. */
async function linuxName({ name }: BlockDevice): Promise<string[]> {
  const { stdout } = await run(['debugfs', '-R', 'cat /usr/lib/os-release', `/dev/${name}`], { timeoutMs: 10_000 });
  return parseOsRelease(stdout);
}

export function parseOsRelease(text: string): string[] {
  const name = /^PRETTY_NAME=["']?(.*?)["']?$/m.exec(text)?.[1]?.trim();
  return name ? [name] : [];
}

const LOADERS: Record<string, string> = { microsoft: 'Windows', debian: 'Debian', ubuntu: 'Ubuntu', fedora: 'Fedora' };
/** Not a system: the fallback for firmware without memory, and what the makers of PCs and tools put there. */
const NO_SYSTEM = new Set(['boot', 'tools', 'oem', 'hp', 'dell', 'lenovo']);

/** Every system with UEFI has a folder of its own in /EFI. */
async function bootLoaders({ name, bytes }: BlockDevice): Promise<string[]> {
  const folders = (await withReader(`/dev/${name}`, bytes, (reader) => fatDirectory(reader, ['EFI']))) ?? [];
  return folders.filter((f) => !NO_SYSTEM.has(f.toLowerCase())).map((f) => LOADERS[f.toLowerCase()] ?? f);
}

function byType({ partitionType, label, fileSystem }: BlockDevice): string[] {
  if (/^Microsoft reserved|^Windows recovery/.test(partitionType)) return ['Windows'];
  if (fileSystem === 'ntfs' && /^(windows|system reserved|system-reserviert)$/i.test(label)) return ['Windows'];
  if (/^Linux root/.test(partitionType)) return ['Linux'];
  if (/^Apple/.test(partitionType)) return ['macOS'];
  return [];
}
