/** What this PC is, for the server: read anew at every log-in. Whatever cannot be read is left empty, never guessed. */
import { constants } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import { messageOf } from '#common/errors.ts';
import type { MachineFacts } from '#common/protocol/client-server.ts';
import { readDisks } from './disks/inventory.ts';
import { identityOf } from './disks/rules.ts';
import { cards, readLinks } from './network/links.ts';

/** Global variable GUID of UEFI; SecureBoot is 4 bytes of attributes and one byte: 1 is on. */
const SECURE_BOOT = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

export async function gatherMachineFacts(
  options: { name: string; version: string },
  log: (words: string) => void,
): Promise<MachineFacts> {
  const [uuid, uefi, secureBoot, cpuinfo, meminfo, kvm, macs, disks] = await Promise.all([
    text('/sys/class/dmi/id/product_uuid'),
    exists('/sys/firmware/efi'),
    readFile(SECURE_BOOT).then(
      (bytes) => bytes.at(4) === 1,
      () => false,
    ),
    text('/proc/cpuinfo'),
    text('/proc/meminfo'),
    access('/dev/kvm', constants.R_OK | constants.W_OK).then(
      () => true,
      () => false,
    ),
    networkCards(log),
    disksOf(log),
  ]);
  return {
    uuid: uuid.trim().toLowerCase().slice(0, 64),
    name: options.name,
    firmware: uefi ? 'uefi' : 'bios',
    secureBoot,
    ...parseCpuinfo(cpuinfo),
    kvm,
    memoryKiB: Number(/^MemTotal:\s+(\d+) kB$/m.exec(meminfo)?.[1] ?? 0),
    macs,
    disks,
    version: options.version,
  };
}

export function parseCpuinfo(cpuinfo: string): { cpuModel: string; cpus: number } {
  const cpuModel = /^model name\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.trim() ?? '';
  return { cpuModel: cpuModel.slice(0, 128), cpus: Math.max(1, cpuinfo.match(/^processor\s*:/gm)?.length ?? 1) };
}

/** Read by the same code as the disk guard's, so that a disk is described to the server as it is found again here. */
async function disksOf(log: (words: string) => void): Promise<MachineFacts['disks']> {
  try {
    return (await readDisks()).slice(0, 64).map((disk) => ({
      name: disk.name.slice(0, 64),
      ...identityOf(disk),
      removable: disk.removable && !disk.embedded,
    }));
  } catch (error) {
    log(`the disks could not be listed: ${messageOf(error)}`);
    return [];
  }
}

async function networkCards(log: (words: string) => void): Promise<string[]> {
  try {
    return cards(await readLinks())
      .map((l) => l.address ?? '')
      .filter((mac) => mac !== '')
      .slice(0, 32);
  } catch (error) {
    log(`the network cards could not be listed: ${messageOf(error)}`);
    return [];
  }
}

/** A name for a PC that was given none: from the address of its first card, so that it stays the same. */
export async function defaultPcName(folder = '/sys/class/net'): Promise<string> {
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    const mac = (await text(`${folder}/${name}/address`)).trim();
    const real = await exists(`${folder}/${name}/device`);
    if (real && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) return `pc-${mac.replaceAll(':', '').slice(-6)}`;
  }
  return 'pc';
}

async function text(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
