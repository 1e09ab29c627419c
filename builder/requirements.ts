/** What a build needs from the machine: checked before anything is done, with what to do about it. */

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { UserError } from '#common/errors.ts';
import { runInTerminal } from '#common/process.ts';
import type { Profile } from './profile.ts';

/** Tool -> the Debian package that has it. Those which are not part of every Debian are in debian-packages.txt. */
export const TOOLS: Record<Profile['kind'] | 'all', Record<string, string>> = {
  all: {
    mmdebstrap: 'mmdebstrap',
    mksquashfs: 'squashfs-tools',
    unsquashfs: 'squashfs-tools',
    chroot: 'coreutils',
    xz: 'xz-utils',
    'apt-get': 'apt',
  },
  live: { xorriso: 'xorriso', mcopy: 'mtools', 'mkfs.vfat': 'dosfstools' },
  disk: { mcopy: 'mtools', 'qemu-img': 'qemu-utils' },
};

/** @throws UserError naming every tool that is missing, and the one command that brings them */
export async function assertRequirements(profile: Profile): Promise<void> {
  const missing: string[] = [];
  const packages = new Set<string>();
  for (const [tool, debianPackage] of Object.entries({ ...TOOLS.all, ...TOOLS[profile.kind] })) {
    if (await findTool(tool)) continue;
    missing.push(tool);
    packages.add(debianPackage);
  }
  if (missing.length === 0) return;
  throw new UserError(`missing on this machine: ${missing.join(', ')}`, {
    hint: `Run: apt-get install ${[...packages].join(' ')}`,
  });
}

/** Path of a program, like `command -v`; /usr/sbin and /sbin count even when PATH lacks them. */
export async function findTool(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/**
 * Installing packages into a folder and keeping their owners needs root. Without it, runs this same command again
 * through sudo (which may ask for the password) and returns true: the work is done, or the exit code says it is not.
 * @throws UserError when there is no sudo
 */
export async function becomeRoot(): Promise<boolean> {
  process.env.PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
  if (process.getuid?.() === 0) return false;
  if (!(await findTool('sudo'))) {
    throw new UserError('building images needs root, and there is no sudo on this machine', {
      hint: 'Run the same command as root.',
    });
  }
  const keep = ['PATH', 'XDG_CACHE_HOME', 'HOME'].flatMap((name) =>
    process.env[name] ? [`${name}=${process.env[name]}`] : [],
  );
  const flags = process.stdin.isTTY ? [] : ['-n'];
  const code = await runInTerminal(['sudo', ...flags, 'env', ...keep, process.execPath, ...process.argv.slice(1)]);
  if (code === 1 && flags.length > 0)
    console.error('Building images needs root; run the same command as root, or let sudo work without a password.');
  process.exitCode = code;
  return true;
}
