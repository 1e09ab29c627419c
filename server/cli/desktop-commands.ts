import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { Type } from 'typebox';
import { UserError } from '#common/errors.ts';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import { Desktop, type DesktopState } from '#common/protocol/desktop.ts';
import { confirmByName } from './ask.ts';
import { connect } from './connection.ts';
import { findDesktop } from './find-desktop.ts';
import { facts, size, table, time } from './output.ts';
import { addPlaceCommands } from './place-commands.ts';
import { placeFacts, placeText } from './place-text.ts';
import { examples, report } from './report.ts';

const LOOK_AGAIN_MS = 500;
/** Disks are made and deleted while the request waits. */
const DISK_TIMEOUT_MS = 10 * 60_000;

/** desktop create|list|show|start|stop|force-off|delete */
export function addDesktopCommands(program: Command): void {
  const desktop = program.command('desktop').description('virtual desktops');
  addCreate(desktop);
  addList(desktop);

  const show = desktop
    .command('show <desktop>')
    .description('one desktop, by name or ID')
    .action(async (which: string) => {
      const { client } = await connect();
      const found = await findDesktop(client, which);
      report(show, found, () => desktopText(found));
    });

  addPlaceCommands(desktop);
  addPower(desktop, {
    name: 'start',
    description: 'start a desktop',
    path: 'start',
    wanted: 'running',
    done: (name) => `${name} is starting`,
  });
  addPower(desktop, {
    name: 'stop',
    description: 'ask the system in a desktop to shut down',
    path: 'shut-down',
    wanted: 'off',
    done: (name) => `${name} was asked to shut down`,
  });
  addPower(desktop, {
    name: 'force-off',
    description: 'cut the power of a desktop; what was not saved is lost',
    path: 'force-off',
    wanted: 'off',
    done: (name) => `${name} is off`,
  });

  const remove = desktop
    .command('delete <desktop>')
    .description('delete a desktop with its disk')
    .option('--yes', 'do not ask')
    .action(async (which: string, flags: { yes?: boolean }) => {
      const { client } = await connect();
      const found = await findDesktop(client, which);
      const warning = `The desktop ${found.name} of ${found.owner} will be deleted with everything on its disk.`;
      await confirmByName(warning, found.name, flags.yes);
      await client.call({ method: 'DELETE', path: `/desktops/${found.id}`, timeoutMs: DISK_TIMEOUT_MS });
      report(remove, { id: found.id, name: found.name, deleted: true }, () => `deleted ${found.name}`);
    });
}

function addCreate(desktop: Command): void {
  const create = desktop
    .command('create <name>')
    .description('make a desktop from a golden image')
    .requiredOption('--image <image>', 'the golden image')
    .requiredOption('--owner <user>', 'whose desktop it is')
    .option('--memory <MiB>', 'memory in MiB', whole)
    .option('--cpus <number>', 'processors', whole)
    .action(async (name: string, flags: { image: string; owner: string; memory?: number; cpus?: number }) => {
      const { client } = await connect();
      const { image, owner, memory, cpus } = flags;
      const body = {
        name,
        image,
        owner,
        ...(memory !== undefined && { memoryMiB: memory }),
        ...(cpus !== undefined && { cpus }),
      };
      const timeoutMs = DISK_TIMEOUT_MS;
      const made = await client.call({ method: 'POST', path: '/desktops', body, answer: Desktop, timeoutMs });
      report(create, made, () => `made ${made.name} for ${made.owner} (${made.id})`);
    });
  examples(create, ['flexdeploy desktop create ana-desk --image debian-13-v1 --owner ana --memory 4096 --cpus 2']);
}

function addList(desktop: Command): void {
  const list = desktop
    .command('list')
    .description('all desktops (for users: their own)')
    .action(async () => {
      const { client } = await connect();
      const desktops = await client.call({ path: '/desktops', answer: Type.Array(Desktop) });
      const columns = [
        { title: 'NAME', text: (d: Desktop) => d.name },
        { title: 'OWNER', text: (d: Desktop) => d.owner },
        { title: 'IMAGE', text: (d: Desktop) => d.image },
        { title: 'STATE', text: (d: Desktop) => stateText(d.state) },
        { title: 'WHERE', text: placeText },
        { title: 'MEMORY', text: (d: Desktop) => size(d.memoryMiB * 1024 * 1024), align: 'right' as const },
        { title: 'CPUS', text: (d: Desktop) => String(d.cpus), align: 'right' as const },
        { title: 'ID', text: (d: Desktop) => d.id },
      ];
      report(list, desktops, () => table(desktops, columns, 'There are no desktops yet.'));
    });
}

interface PowerCommand {
  name: string;
  description: string;
  /** Last part of the request's path. */
  path: string;
  /** What `--wait` waits for. */
  wanted: 'running' | 'off';
  done: (desktop: string) => string;
}

function addPower(desktop: Command, { name, description, path, wanted, done }: PowerCommand): void {
  const command = desktop
    .command(`${name} <desktop>`)
    .description(description)
    .option('--wait [seconds]', `wait until it is ${wanted} (120 s unless told)`, whole)
    .action(async (which: string, flags: { wait?: number | true }) => {
      const { client } = await connect();
      const { id } = await findDesktop(client, which);
      let found = await client.call({ method: 'POST', path: `/desktops/${id}/${path}`, answer: Desktop });
      if (flags.wait !== undefined) found = await waitFor(client, id, wanted, flags.wait === true ? 120 : flags.wait);
      report(command, found, () => (flags.wait === undefined ? done(found.name) : `${found.name} is ${wanted}`));
    });
}

async function waitFor(client: PinnedClient, id: string, wanted: 'running' | 'off', seconds: number): Promise<Desktop> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await client.call({ path: `/desktops/${id}`, answer: Desktop });
    if (found.state.kind === wanted) return found;
    if (found.state.kind === 'failed') throw new UserError(`${found.name} failed: ${found.state.reason}`);
    if (Date.now() > deadline) {
      throw new UserError(`${found.name} is not ${wanted} after ${seconds} s, but ${stateText(found.state)}`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

function stateText(state: DesktopState): string {
  switch (state.kind) {
    case 'off':
    case 'stopping':
      return state.kind;
    case 'starting':
      return `starting: ${state.step}`;
    case 'running':
      return state.viewers > 0 ? 'running, in use' : 'running';
    case 'failed':
      return `failed: ${state.reason}`;
  }
}

function desktopText(d: Desktop): string {
  return facts([
    ['Name', d.name],
    ['ID', d.id],
    ['Owner', d.owner],
    ['Image', d.image],
    ['State', stateText(d.state)],
    ['Firmware', d.firmware],
    ['Memory', size(d.memoryMiB * 1024 * 1024)],
    ['CPUs', String(d.cpus)],
    ['Disk', size(d.diskBytes)],
    ['Made', time(d.createdAt)],
    ...placeFacts(d),
  ]);
}

function whole(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
