import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#common/run.ts';
import { elementOf, type Opening, type OpeningSet, type Rules, renderRules, TABLE } from './ruleset.ts';

/** Checks the rules, then puts them in force, all or nothing. Openings that are not listed are closed. */
export async function applyRules(rules: Rules): Promise<void> {
  // A file, because nft opens "-" as /dev/stdin, which is a socket for a child of Node and cannot be opened.
  const folder = await mkdtemp('/run/flexdeploy-nft-');
  try {
    const file = join(folder, 'rules.nft');
    await writeFile(file, renderRules(rules), { mode: 0o600 });
    await run(['nft', '--check', '--file', file], { timeoutMs: 20_000 });
    await run(['nft', '--file', file], { timeoutMs: 20_000 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Adds a pair to a set. Idempotent. */
export async function openFor(set: OpeningSet, opening: Opening): Promise<void> {
  await run(['nft', 'add', 'element', 'inet', TABLE, set, `{ ${elementOf(opening)} }`], { timeoutMs: 20_000 });
}

/** Takes that away, and cuts what runs through it. Idempotent. */
export async function closeFor(set: OpeningSet, opening: Opening): Promise<void> {
  // `destroy` is `delete` that does not mind an element that is not there (nft 1.0.7, Linux 6.3).
  await run(['nft', 'destroy', 'element', 'inet', TABLE, set, `{ ${elementOf(opening)} }`], { timeoutMs: 20_000 });
}
