/** System accounts, written into /etc/passwd, group and shadow of a root tree: the tools for it need not be installed. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SOURCE_DATE_EPOCH } from './context.ts';
import type { SystemUser } from './profile.ts';

/** Numbers of groups that the packages did not make. */
const FIRST_GROUP = 900;

/** Adds the accounts, without a password that could be typed, locks root, and fixes the dates in /etc/shadow. */
export async function addUsers(root: string, users: readonly SystemUser[]): Promise<void> {
  const edit = async (name: string, change: (text: string) => string) => {
    const path = join(root, 'etc', name);
    await writeFile(path, change(await readFile(path, 'utf8')));
  };
  await edit(
    'passwd',
    (text) => text + users.map((u) => `${u.name}:x:${u.uid}:${u.uid}::${u.home}:/usr/sbin/nologin\n`).join(''),
  );
  await edit('group', (text) => groupFile(text, users));
  await edit('shadow', (text) => shadowFile(text, users));
}

/** /etc/group with every account's own group, and the account in each of its other groups. */
export function groupFile(text: string, users: readonly SystemUser[]): string {
  const groups = text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(':'));
  for (const user of users) {
    groups.push([user.name, 'x', String(user.uid), '']);
    for (const name of user.groups) {
      let group = groups.find((g) => g[0] === name);
      if (!group) {
        const taken = new Set(groups.map((g) => g[2]));
        let gid = FIRST_GROUP;
        while (taken.has(String(gid))) gid++;
        group = [name, 'x', String(gid), ''];
        groups.push(group);
      }
      group[3] = [...(group[3] ?? '').split(',').filter(Boolean), user.name].join(',');
    }
  }
  return groups.map((g) => `${g.join(':')}\n`).join('');
}

/** /etc/shadow with root and the accounts locked, and every password last changed on the day that the image's files bear. */
export function shadowFile(text: string, users: readonly SystemUser[]): string {
  const day = String(Math.floor(SOURCE_DATE_EPOCH / 86_400));
  const lines = text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(':'));
  for (const line of lines) {
    if (line[0] === 'root') line[1] = '!*';
    line[2] = day;
  }
  return [...lines, ...users.map((u) => [u.name, '!*', day, '', '', '', '', '', ''])]
    .map((l) => `${l.join(':')}\n`)
    .join('');
}
