import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { applySettings, configCommand } from '../../builder/config-command.ts';
import { configPartition } from '../../pxe-less-boot/config-partition.ts';
import { writeFatImage } from '../../pxe-less-boot/fat-image.ts';
import { renderGrubMenu } from '../../pxe-less-boot/grub-menu.ts';
import { PARTITION_TABLE_OFFSET, partitionTable, readPartitionTable } from '../../pxe-less-boot/mbr.ts';

t.test('the medium can be configured without a rebuild', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-medium-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const medium = join(folder, 'medium.iso');
  await makeMedium(medium);
  const before = await readFile(medium);

  t.same(JSON.parse(await configCommand(medium, { show: true })), { server: 'old.example.org' });
  t.same(await readFile(medium), before, 'showing changes nothing');

  await configCommand(medium, { set: ['server=new.example.org:8443', 'keyboard=pt', 'network={"mode":"dhcp"}'] });
  t.same(JSON.parse(await configCommand(medium, {})), {
    server: 'new.example.org:8443',
    keyboard: 'pt',
    network: { mode: 'dhcp' },
  });
  t.equal((await readFile(medium)).length, before.length, 'in place');
  t.same((await readFile(medium)).subarray(0, 8 * 512), before.subarray(0, 8 * 512), 'nothing outside the partition');

  const changed = await readFile(medium);
  await t.rejects(configCommand(medium, { set: ['keyboard=xx'] }), {
    message: /nothing was changed[\s\S]*keyboard.*xx.*us, gb/,
  });
  await t.rejects(configCommand(medium, { set: ['sever=x'] }), { message: /sever/ });
  await t.rejects(configCommand(medium, { set: ['keyboard'] }), { message: /key=value/ });
  await t.rejects(configCommand(medium, { file: join(folder, 'none.json') }), { message: /none\.json cannot be read/ });
  t.same(await readFile(medium), changed, 'a mistake changes nothing');

  await writeFile(join(folder, 'no.iso'), Buffer.alloc(4096));
  await t.rejects(configCommand(join(folder, 'no.iso'), {}), { message: /not a FlexDeploy boot medium/ });
  await t.rejects(configCommand(join(folder, 'gone.iso'), {}), { message: /is not there/ });
});

async function makeMedium(path: string): Promise<void> {
  const image = `${path}.fat`;
  await writeFatImage(image, await configPartition({ server: 'old.example.org' }, 1_767_225_600));
  const fat = await readFile(image);
  const file = await open(path, 'w');
  const head = Buffer.alloc(8 * 512);
  partitionTable([{ type: 0x0c, active: true, firstSector: 8, sectors: fat.length / 512 }]).copy(
    head,
    PARTITION_TABLE_OFFSET,
  );
  await file.write(head);
  await file.write(fat);
  await file.close();
}

t.test('the same configuration partition twice has the same bytes', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-fat-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const image = await configPartition({ language: 'pt' }, 1_767_225_600);
  await writeFatImage(join(folder, 'a'), image);
  await new Promise((resolve) => setTimeout(resolve, 2_100)); // a FAT date counts two seconds
  await writeFatImage(join(folder, 'b'), image);
  t.ok((await readFile(join(folder, 'a'))).equals(await readFile(join(folder, 'b'))));
});

t.test('settings: JSON where it reads as JSON, text otherwise, empty removes', (t) => {
  t.same(applySettings({ a: 1, b: 2 }, ['a=', 'c=x=y', 'd=["1"]', 'e={broken']), {
    b: 2,
    c: 'x=y',
    d: ['1'],
    e: '{broken',
  });
  t.end();
});

t.test('the partition table reads back as it was written', (t) => {
  const partitions = [
    { type: 0x0c, active: true, firstSector: 1_000, sectors: 8_192 },
    { type: 0xef, active: false, firstSector: 70_000, sectors: 12_288 },
  ];
  const sector = Buffer.alloc(512);
  partitionTable(partitions).copy(sector, PARTITION_TABLE_OFFSET);
  t.same(readPartitionTable(sector), partitions);
  t.same(readPartitionTable(Buffer.alloc(512)), []);
  t.throws(() => partitionTable(Array(5).fill(partitions[0])), { message: /4 partitions/ });
  t.end();
});

t.test('the menu holds every entry, the kernel line, and nothing that GRUB could read as script', async (t) => {
  const menu = { version: '0.1.0', timeoutSeconds: 2, commandLine: ['ramdisk_size=134857', 'console=tty0'] };
  const text = await renderGrubMenu(menu);
  t.match(text, /linux \(\$root\)\/live\/vmlinuz ramdisk_size=134857 console=tty0 \$machine \$\*/);
  for (const id of ['start', 'safe', 'disk', 'check', 'memory']) t.match(text, `--id ${id} `);
  t.notMatch(text, /<%/);
  await t.rejects(renderGrubMenu({ ...menu, commandLine: ['a;reboot'] }), { message: /plain word/ });
});
