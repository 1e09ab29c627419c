import { createReadStream } from 'node:fs';
import { Transform } from 'node:stream';
import type { Command } from 'commander';
import { Type } from 'typebox';
import { UserError } from '#common/errors.ts';
import { ApiError, type PinnedClient } from '#common/http/pinned-client.ts';
import { Image } from '#common/protocol/client-server.ts';
import { confirmByName } from './ask.ts';
import { connect } from './connection.ts';
import { UsageError } from './exit-codes.ts';
import { hashFile, type ImageFile, inspectImageFile, nameFromFile } from './image-file.ts';
import { duration, size, table, time } from './output.ts';
import { Progress } from './progress.ts';
import { examples, report } from './report.ts';

/** image import|list|delete */
export function addImageCommands(program: Command): void {
  const image = program.command('image').description('golden images');

  const add = image
    .command('import <file>')
    .description('send a qcow2 or raw disk to the server; it is checked on the way')
    .option('--name <name>', 'name of the image; made from the file name when missing')
    .option('--firmware <firmware>', 'how it boots: uefi or bios', 'uefi')
    .action(async (path: string, flags: { name?: string; firmware: string }) => {
      const file = await inspectImageFile(path);
      const name = flags.name ?? nameFromFile(path);
      if (name === undefined) throw new UsageError('no name can be made from the file name', { hint: 'Give --name.' });
      const { client } = await connect();
      await refuseEarly(client, name);
      const made = await send(client, file, { name, firmware: flags.firmware });
      report(add, made, () => `imported ${made.name}: ${size(made.diskBytes)} disk, ${made.firmware}`);
    });
  examples(add, [
    'flexdeploy image import debian.qcow2 --name debian-13-v1',
    'flexdeploy image import /dev/shm/old-lab.raw --name old-lab --firmware bios',
  ]);

  const list = image
    .command('list')
    .description('all golden images')
    .action(async () => {
      const { client } = await connect();
      const images = await client.call({ path: '/images', answer: Type.Array(Image) });
      const columns = [
        { title: 'NAME', text: (i: Image) => i.name },
        { title: 'FIRMWARE', text: (i: Image) => i.firmware },
        { title: 'DISK', text: (i: Image) => size(i.diskBytes), align: 'right' as const },
        { title: 'DESKTOPS', text: (i: Image) => String(i.desktops), align: 'right' as const },
        { title: 'MADE', text: (i: Image) => time(i.createdAt) },
        { title: 'SHA-256', text: (i: Image) => i.sha256.slice(0, 16) },
      ];
      report(list, images, () =>
        table(images, columns, 'There are no images yet. See: flexdeploy image import --help'),
      );
    });

  const remove = image
    .command('delete <name>')
    .description('delete an image that no desktop was made from')
    .option('--yes', 'do not ask')
    .action(async (name: string, flags: { yes?: boolean }) => {
      const { client } = await connect();
      const path = `/images/${encodeURIComponent(name)}`;
      await client.call({ path, answer: Image });
      await confirmByName(`The image ${name} will be deleted.`, name, flags.yes);
      await client.call({ method: 'DELETE', path, timeoutMs: 10 * 60_000 });
      report(remove, { name, deleted: true }, () => `deleted ${name}`);
    });
}

/** What the server would refuse anyway is found out before gigabytes are read. */
async function refuseEarly(client: PinnedClient, name: string): Promise<void> {
  try {
    await client.call({ path: `/images/${encodeURIComponent(name)}`, answer: Image });
  } catch (error) {
    if (error instanceof ApiError && error.code === 'not_found') return;
    throw error;
  }
  throw new UserError(`there is an image ${name} already`, {
    hint: 'Images never change: choose another name with --name, such as one with a version in it.',
  });
}

async function send(
  client: PinnedClient,
  { path, bytes, format }: ImageFile,
  { name, firmware }: { name: string; firmware: string },
): Promise<Image> {
  const reading = new Progress('checksum', bytes);
  const sha256 = await hashFile(path, (done) => reading.update(done));
  reading.end(`${sha256.slice(0, 16)}… of ${size(bytes)} (${format}) in ${duration(reading.seconds)}`);

  const sending = new Progress('sending', bytes);
  let sent = 0;
  const body = createReadStream(path, { end: bytes - 1, highWaterMark: 1024 * 1024 }).pipe(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        sent += chunk.length;
        sending.update(sent);
        if (sent === bytes && process.stderr.isTTY) process.stderr.write('\n… the server is storing it');
        done(null, chunk);
      },
    }),
  );
  const query = new URLSearchParams({ name, firmware, sha256 });
  const made = await client.upload({ path: `/images?${query}`, body, bytes, answer: Image });
  sending.end(`${size(bytes)} in ${duration(sending.seconds)}, ${size(bytes / Math.max(0.001, sending.seconds))}/s`);
  return made;
}
