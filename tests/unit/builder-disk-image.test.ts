import t from 'tap';
import { gpt } from '../../builder/disk-gpt.ts';
import { diskLayout, espGrubConfig, fstab, grubConfig } from '../../builder/disk-image.ts';

t.test('the layout of a disk is the same every time, and differs between profiles', async (t) => {
  t.same(diskLayout('desktop', 4), diskLayout('desktop', 4));
  t.not(diskLayout('desktop', 4).rootUuid, diskLayout('server', 4).rootUuid);
});

t.test('the partitions are aligned to MiB, in order, and fit their disk', async (t) => {
  for (const gib of [1, 4, 8, 100]) {
    const layout = diskLayout('x', gib);
    const { bios, esp, root } = layout.partitions;
    for (const p of [bios, esp, root]) t.equal(p.firstLba % 2048, 0);
    t.equal(bios.lastLba + 1, esp.firstLba);
    t.equal(esp.lastLba + 1, root.firstLba);
    t.equal((root.lastLba - root.firstLba + 1) % 2048, 0);
    t.equal(layout.sectors * 512, gib * 1024 ** 3);
    t.doesNotThrow(() => gpt({ ...layout, partitions: [bios, esp, root] }));
  }
});

t.test('every boot file names the root file system by its UUID, none by a device', async (t) => {
  const layout = diskLayout('desktop', 4);
  for (const text of [grubConfig(layout, 'title', ['quiet']), espGrubConfig(layout), fstab(layout)]) {
    t.match(text, layout.rootUuid);
    t.notMatch(text, /\/dev\/|hd\d/);
  }
  t.match(grubConfig(layout, 'title', ['quiet', 'console=tty0']), / ro quiet console=tty0\n/);
});
