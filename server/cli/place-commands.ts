import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UserError } from '#common/errors.ts';
import { ApiError, type PinnedClient } from '#common/http/pinned-client.ts';
import { Desktop, type DiskIdentity } from '#common/protocol/desktop.ts';
import { confirmByName } from './ask.ts';
import { connect } from './connection.ts';
import { EXIT } from './exit-codes.ts';
import { findDesktop } from './find-desktop.ts';
import { moveText, placeText, syncText } from './place-text.ts';
import { examples, report } from './report.ts';

const LOOK_AGAIN_MS = 500;

/** desktop attach|detach|pause|resume|limit|move|reclaim */
export function addPlaceCommands(desktop: Command): void {
  addAttach(desktop);
  addDetach(desktop);
  addPause(desktop, { name: 'pause', paused: true, done: 'paused' });
  addPause(desktop, { name: 'resume', paused: false, done: 'going on' });
  addLimit(desktop);
  addMove(desktop);
  addReclaim(desktop);
}

/** `12500`, or `none`. KiB a second. */
export function limit(text: string): number | null {
  if (text === 'none') return null;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be KiB a second, or "none".');
  return Number(text);
}

function addAttach(desktop: Command): void {
  const attach = desktop
    .command('attach <desktop>')
    .description('keep a desktop on a disk of its PC again: one that was chosen there before, or is pinned')
    .option('--disk <serial>', 'serial number or WWN, when there is more than one')
    .addOption(watchOption('until it is in sync'))
    .action(async (which: string, flags: { disk?: string; watch?: boolean }) => {
      const { client } = await connect();
      const found = await findDesktop(client, which);
      const disk = chooseDisk(found, flags.disk);
      const body = { disk, confirmed: false };
      let now = await client.call({ method: 'PUT', path: `${pathOf(found)}/attachment`, body, answer: Desktop });
      if (flags.watch) now = await watch(client, now, attachEnd);
      report(attach, now, () => `${now.name}: ${placeText(now)}`);
    });
  examples(attach, [
    'flexdeploy desktop attach ana-desk --watch',
    'flexdeploy desktop attach ana-desk --disk S3Z9NB0K123456',
  ]).addHelpText(
    'after',
    '\nThis works with the token of a session at that PC (FLEXDEPLOY_TOKEN). A new disk is chosen at the kiosk,\nwhere the person sees what is on it.',
  );
}

function chooseDisk({ knownDisks = [], name }: Desktop, wanted: string | undefined): DiskIdentity {
  const usable = knownDisks.filter((k) => wanted === undefined || k.disk.serial === wanted || k.disk.wwn === wanted);
  const [only, more] = usable;
  if (only && !more) return only.disk;
  const list = knownDisks.map((k) => `${k.disk.serial || k.disk.wwn} in ${k.pc.name}`).join(', ');
  throw new UserError(only ? `which disk of ${name}?` : `no disk like that is known for ${name}`, {
    hint: list === '' ? 'Choose one at the kiosk, or pin one: flexdeploy pc pin.' : `Known: ${list}`,
  });
}

function addDetach(desktop: Command): void {
  const detach = desktop
    .command('detach <desktop>')
    .description('leave the disk of its PC cleanly; what is there stays, and next time only changes are copied')
    .option('--forget', 'the disk is not taken again without a question')
    .addOption(watchOption('until it has left'))
    .action(async (which: string, flags: { forget?: boolean; watch?: boolean }) => {
      const { client } = await connect();
      const found = await findDesktop(client, which);
      const path = `${pathOf(found)}/attachment${flags.forget ? '?forget=true' : ''}`;
      let now = await client.call({ method: 'DELETE', path, answer: Desktop });
      if (flags.watch) now = await watch(client, now, (d) => (d.attachment ? undefined : 'done'));
      report(detach, now, () =>
        now.attachment ? `${now.name} is leaving its PC` : `${now.name} is on the server only`,
      );
    });
  examples(detach, ['flexdeploy desktop detach ana-desk --watch', 'flexdeploy desktop detach ana-desk --forget']);
}

function addPause(desktop: Command, { name, paused, done }: { name: string; paused: boolean; done: string }): void {
  const command = desktop
    .command(`${name} <desktop>`)
    .description(`${paused ? 'pause' : 'go on with'} the synchronisation with its PC`)
    .action(async (which: string) => {
      const { client } = await connect();
      const found = await findDesktop(client, which);
      const path = `${pathOf(found)}/attachment`;
      const now = await client.call({ method: 'PATCH', path, body: { paused }, answer: Desktop });
      report(command, now, () => `${now.name}: ${done}`);
    });
  examples(command, [`flexdeploy desktop ${name} ana-desk`]);
}

function addLimit(desktop: Command): void {
  const command = desktop
    .command('limit <desktop> <KiB/s>')
    .description('limit the synchronisation with its PC; "none" takes the limit away')
    .action(async (which: string, text: string) => {
      const { client } = await connect();
      const body = { limitKiBps: limit(text) };
      const found = await findDesktop(client, which);
      const now = await client.call({ method: 'PATCH', path: `${pathOf(found)}/attachment`, body, answer: Desktop });
      report(command, now, () => `${now.name}: ${text === 'none' ? 'no limit' : `at most ${text} KiB/s`}`);
    });
  examples(command, ['flexdeploy desktop limit ana-desk 2000', 'flexdeploy desktop limit ana-desk none']);
}

function addMove(desktop: Command): void {
  const move = desktop
    .command('move <desktop> [to]')
    .description('move a running desktop to its PC ("pc") or to the server ("server"), without stopping it')
    .option('--cancel', 'cancel the move that is under way')
    .addOption(watchOption('until it is there'))
    .action(async (which: string, to: string | undefined, flags: { cancel?: boolean; watch?: boolean }) => {
      const { client } = await connect();
      const found = await findDesktop(client, which);
      const path = `${pathOf(found)}/move`;
      if (flags.cancel) {
        const now = await client.call({ method: 'DELETE', path, answer: Desktop });
        report(move, now, () => `${now.name}: cancelling`);
        return;
      }
      if (to !== 'pc' && to !== 'server') throw new InvalidArgumentError('Where to? "pc" or "server".');
      let now = await client.call({ method: 'POST', path, body: { to }, answer: Desktop });
      if (flags.watch) {
        now = await watch(client, now, (d) => (d.move ? undefined : 'done'));
        const there = (now.holder ? 'pc' : 'server') === to;
        if (!there) throw new UserError(now.notice?.text ?? `${now.name} was not moved`);
      }
      report(move, now, () => `${now.name}: ${now.move ? moveText(now.move) : placeText(now)}`);
    });
  examples(move, [
    'flexdeploy desktop move ana-desk pc --watch',
    'flexdeploy desktop move ana-desk server --watch',
    'flexdeploy desktop move ana-desk --cancel',
  ]);
}

function addReclaim(desktop: Command): void {
  const reclaim = desktop
    .command('reclaim <desktop>')
    .description('take a desktop back from a PC that is lost, and go on with the copy of the server')
    .option('--generation <number>', 'the hand-over it is taken back from, when what is lost was read before', Number)
    .option('--yes', 'do not ask')
    .action(async (which: string, flags: { generation?: number; yes?: boolean }) => {
      const { client } = await connect();
      const found = await findDesktop(client, which);
      const path = `${pathOf(found)}/reclaim`;
      const send = (generation: number) => client.call({ method: 'POST', path, body: { generation }, answer: Desktop });
      let generation = flags.generation;
      if (generation === undefined) {
        const lost = await send(0).then(
          () => '',
          (error) => {
            if (error instanceof ApiError && found.holder) return error.message;
            throw error;
          },
        );
        await confirmByName(lost, found.name, flags.yes);
        generation = found.holder?.generation ?? 0;
      }
      const now = await send(generation);
      report(reclaim, now, () => now.notice?.text ?? `${now.name} is on the server`);
    });
  examples(reclaim, [
    'flexdeploy desktop reclaim ana-desk',
    'flexdeploy desktop reclaim ana-desk --generation 7 --json',
  ]);
}

function watchOption(until: string): Option {
  return new Option('--watch', `show progress ${until}`);
}

function pathOf({ id }: Desktop): string {
  return `/desktops/${id}`;
}

function attachEnd({ attachment }: Desktop): 'done' | undefined {
  if (!attachment) throw new UserError('it is not attached any more');
  const { state } = attachment;
  if (state.kind === 'failed') throw new UserError(state.reason, state.hint === undefined ? {} : { hint: state.hint });
  return state.kind === 'inSync' || state.kind === 'paused' ? 'done' : undefined;
}

/** Looks until it is over. On a terminal one line that is drawn again; else a line for whatever changes, on stderr. */
async function watch(client: PinnedClient, from: Desktop, over: (d: Desktop) => 'done' | undefined): Promise<Desktop> {
  const { stderr } = process;
  let last = '';
  const clear = () => stderr.isTTY && last !== '' && stderr.write('\r\x1b[K');
  process.once('SIGINT', () => {
    clear();
    process.exit(EXIT.interrupted);
  });
  for (let now = from; ; ) {
    const line = now.move ? moveText(now.move) : now.attachment ? syncText(now.attachment.state) : placeText(now);
    if (line !== last)
      stderr.write(stderr.isTTY ? `\r\x1b[K${line.slice(0, (stderr.columns || 80) - 1)}` : `${line}\n`);
    last = line;
    try {
      if (over(now) === 'done') return now;
    } finally {
      if (stderr.isTTY) clear();
    }
    await sleep(LOOK_AGAIN_MS);
    now = await client.call({ path: pathOf(now), answer: Desktop });
  }
}
