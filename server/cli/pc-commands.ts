import type { Command } from 'commander';
import { Type } from 'typebox';
import { UserError } from '#common/errors.ts';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import { Pc, Settings } from '#common/protocol/client-server.ts';
import { connect } from './connection.ts';
import { facts, size, table, time } from './output.ts';
import { limit } from './place-commands.ts';
import { examples, report } from './report.ts';

/** pc list|show|pin|unpin|limit, and the limit of the whole server */
export function addPcCommands(program: Command): void {
  const pc = program.command('pc').description('PCs that people work at');

  const list = pc
    .command('list')
    .description('all PCs that have logged in')
    .action(async () => {
      const { client } = await connect();
      const pcs = await client.call({ path: '/pcs', answer: Type.Array(Pc) });
      const columns = [
        { title: 'NAME', text: (p: Pc) => p.name },
        { title: 'DISKS', text: (p: Pc) => p.disks.map((d) => `${d.model} ${size(d.bytes)}`).join(', ') },
        { title: 'PINNED', text: (p: Pc) => p.pins.join(', ') },
        { title: 'LIMIT', text: (p: Pc) => limitText(p.limitKiBps) },
        { title: 'LAST SEEN', text: (p: Pc) => time(p.lastSeenAt) },
        { title: 'ID', text: (p: Pc) => p.uuid },
      ];
      report(list, pcs, () => table(pcs, columns, 'No PC has logged in yet.'));
    });

  const show = pc
    .command('show <pc>')
    .description('one PC, by name or ID, with its disks')
    .action(async (which: string) => {
      const { client } = await connect();
      const found = await findPc(client, which);
      report(show, found, () => pcText(found));
    });

  addPins(pc);

  const limitCommand = pc
    .command('limit <pc> <KiB/s>')
    .description('limit what a PC synchronises; "none" takes the limit away')
    .action(async (which: string, text: string) => {
      const { client } = await connect();
      const changed = await change(client, which, { limitKiBps: limit(text) });
      report(limitCommand, changed, () => `${changed.name}: ${limitText(changed.limitKiBps) || 'no limit'}`);
    });
  examples(limitCommand, ['flexdeploy pc limit lab-07 5000', 'flexdeploy pc limit lab-07 none']);

  const serverLimit = program
    .command('limit [KiB/s]')
    .description('limit what all PCs together synchronise; without a number: show it')
    .action(async (text: string | undefined) => {
      const { client } = await connect();
      const body = text === undefined ? {} : { syncLimitKiBps: limit(text) };
      const now = await client.call({ method: 'PATCH', path: '/settings', body, answer: Settings });
      report(serverLimit, now, () => limitText(now.syncLimitKiBps) || 'no limit');
    });
  examples(serverLimit, ['flexdeploy limit', 'flexdeploy limit 50000', 'flexdeploy limit none']);
}

function addPins(pc: Command): void {
  const pin = pc
    .command('pin <pc> <serial>')
    .description('say beforehand that this disk (serial number or WWN) may be overwritten with a desktop')
    .action(async (which: string, serial: string) => {
      const { client } = await connect();
      const found = await findPc(client, which);
      if (!found.disks.some((d) => d.serial === serial || d.wwn === serial)) {
        const known = found.disks.map((d) => d.serial || d.wwn).filter((s) => s !== '');
        throw new UserError(`${found.name} has no disk ${serial}`, {
          hint: known.length > 0 ? `It has: ${known.join(', ')}` : 'It told no disks with serial numbers.',
        });
      }
      const changed = await change(client, found.uuid, { pins: [...found.pins, serial] });
      report(pin, changed, () => `${changed.name}: ${changed.pins.join(', ')}`);
    });
  examples(pin, ['flexdeploy pc pin lab-07 S3Z9NB0K123456']);

  const unpin = pc
    .command('unpin <pc> <serial>')
    .description('ask the person again before this disk is overwritten')
    .action(async (which: string, serial: string) => {
      const { client } = await connect();
      const found = await findPc(client, which);
      if (!found.pins.includes(serial)) throw new UserError(`${serial} is not pinned in ${found.name}`);
      const changed = await change(client, found.uuid, { pins: found.pins.filter((p) => p !== serial) });
      report(unpin, changed, () => `${changed.name}: ${changed.pins.join(', ') || 'no disk is pinned'}`);
    });
  examples(unpin, ['flexdeploy pc unpin lab-07 S3Z9NB0K123456']);
}

async function change(client: PinnedClient, which: string, body: object): Promise<Pc> {
  const { uuid } = await findPc(client, which);
  return await client.call({ method: 'PATCH', path: `/pcs/${encodeURIComponent(uuid)}`, body, answer: Pc });
}

/** By ID, or by name when only one PC has it. */
async function findPc(client: PinnedClient, which: string): Promise<Pc> {
  const pcs = await client.call({ path: '/pcs', answer: Type.Array(Pc) });
  const found = pcs.filter((p) => p.uuid === which || p.name === which);
  const [only, more] = found;
  if (only && !more) return only;
  if (only) throw new UserError(`${found.length} PCs are called ${which}`, { hint: 'Use the ID: flexdeploy pc list.' });
  throw new UserError(`there is no PC ${which}`, { hint: 'flexdeploy pc list shows all.' });
}

function limitText(limitKiBps: number | undefined): string {
  return limitKiBps === undefined ? '' : `${size(limitKiBps * 1024)}/s`;
}

function pcText(pc: Pc): string {
  return facts([
    ['Name', pc.name],
    ['ID', pc.uuid],
    ['Last seen', time(pc.lastSeenAt)],
    ['Limit', limitText(pc.limitKiBps) || 'none'],
    ...pc.disks.map((d): [string, string] => {
      const name = d.serial || d.wwn;
      const pinned = pc.pins.some((p) => p === d.serial || p === d.wwn) ? ', pinned' : '';
      return [
        'Disk',
        `${d.model} ${name || '(no serial number)'} ${size(d.bytes)}${d.removable ? ', removable' : ''}${pinned}`,
      ];
    }),
  ]);
}
