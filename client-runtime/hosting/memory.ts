/** What this PC remembers of the desktop that is attached here, until its power goes: for a runtime that starts again. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { writeFileDurably } from '#common/files.ts';
import { DiskIdentity } from '#common/protocol/desktop.ts';
import { HostedDesktop } from '#common/protocol/host-link.ts';

export const Attached = Type.Object({
  desktop: HostedDesktop,
  disk: DiskIdentity,
  /** The counter of hand-overs that the server told last. */
  generation: Type.Integer({ minimum: 0 }),
});
export type Attached = Static<typeof Attached>;

export class Memory {
  readonly #path: string;

  /** @param folder gone with the power: `/run/flexdeploy` */
  constructor(folder: string) {
    this.#path = join(folder, 'attached.json');
  }

  async read(): Promise<Attached | undefined> {
    try {
      const value: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      return Value.Check(Attached, value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  async write(attached: Attached): Promise<void> {
    await writeFileDurably(this.#path, JSON.stringify(attached), 0o600);
  }

  async forget(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
