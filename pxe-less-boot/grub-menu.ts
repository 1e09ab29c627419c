import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import mustache from 'mustache';

export interface GrubMenu {
  version: string;
  timeoutSeconds: number;
  /** Words of the kernel command line. */
  commandLine: readonly string[];
}

/** Words that GRUB passes on as they are: nothing that its script language reads as more than a word. */
const PLAIN_WORD = /^[A-Za-z0-9_.,:=/@%+-]+$/;

/**
 * grub.cfg for the medium.
 * @throws RangeError for a kernel parameter that GRUB's script language could read as something else
 */
export async function renderGrubMenu(menu: GrubMenu): Promise<string> {
  for (const word of [...menu.commandLine, menu.version]) {
    if (!PLAIN_WORD.test(word)) throw new RangeError(`GRUB would not read "${word}" as one plain word`);
  }
  const template = await readFile(join(import.meta.dirname, 'grub.cfg'), 'utf8');
  const view = { ...menu, commandLine: menu.commandLine.join(' ') };
  return mustache.render(template, view, {}, { tags: ['<%', '%>'], escape: String });
}
