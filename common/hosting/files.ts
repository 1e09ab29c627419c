/** A desktop's own files on its host: sockets and port of the machine, its UEFI variables. */
import { access, chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { UserError } from '#common/errors.ts';
import { writeFileDurably } from '#common/files.ts';
import { run } from '#common/run.ts';
import type { Places } from './places.ts';
import { DESKTOP_USER, UEFI_VARS_TEMPLATE } from './unit.ts';

/** Numeric ids of the user that desktops run as. */
export interface Owner {
  uid: number;
  gid: number;
}

/** @throws UserError when there is no such user on this machine */
export async function desktopOwner(): Promise<Owner> {
  const { stdout, code } = await run(['getent', 'passwd', DESKTOP_USER], { okExitCodes: [0, 2] });
  const [, , uid, gid] = stdout.split(':');
  if (code !== 0 || uid === undefined || gid === undefined) {
    throw new UserError(`the user ${DESKTOP_USER} that desktops run as does not exist`, {
      hint: 'Make it: systemd-sysusers',
    });
  }
  return { uid: Number(uid), gid: Number(gid) };
}

export async function hasUefiVars(places: Places): Promise<boolean> {
  return await access(places.uefiVars).then(
    () => true,
    () => false,
  );
}

/** The variables that a machine starts with that never ran here. One that arrives brings its own, and overwrites them. */
export async function makeUefiVars(places: Places, owner: Owner): Promise<void> {
  await ownFolder(places.stateFolder, owner);
  await writeFileDurably(places.uefiVars, await readFile(UEFI_VARS_TEMPLATE), 0o600);
  await chown(places.uefiVars, owner.uid, owner.gid);
}

/** Before a machine starts: its folders, without the sockets of its last run. */
export async function prepareFolders(
  places: Places,
  { owner, firmware, port }: { owner: Owner; firmware: 'bios' | 'uefi'; port: number },
): Promise<void> {
  await ownFolder(places.stateFolder, owner);
  if (firmware === 'uefi') await chown(places.uefiVars, owner.uid, owner.gid); // a crash before the chown
  await rm(places.runFolder, { recursive: true, force: true });
  await ownFolder(places.runFolder, owner);
  await writeFile(places.portFile, String(port), { mode: 0o600 });
}

/** The port that {@link prepareFolders} was told. */
export async function screenPort(places: Places): Promise<number | undefined> {
  return Number(await readFile(places.portFile, 'utf8').catch(() => '')) || undefined;
}

export async function deleteFiles(places: Places): Promise<void> {
  await rm(places.runFolder, { recursive: true, force: true });
  await rm(places.stateFolder, { recursive: true, force: true });
}

async function ownFolder(path: string, { uid, gid }: Owner): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  await chown(path, uid, gid);
}
