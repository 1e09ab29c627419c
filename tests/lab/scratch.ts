import { Lab } from './lab.ts';

const kernel = '/tmp/h-lab/k/boot/vmlinuz-6.1.0-56-cloud-amd64';
const lab = await Lab.open('scratch', { kernel });
console.log(lab.accelerator);
const m = await lab.machine('pc', {
  memoryMiB: 512,
  kernel: { image: kernel, initrd: '/tmp/h-lab/ird.gz', commandLine: 'quiet console=ttyS0 console=tty0' },
  disks: [
    { serial: 'disk-1', sizeMiB: 64 },
    { serial: 'stick', sizeMiB: 10, bus: 'usb' },
  ],
});
try {
  const t0 = Date.now();
  const say = (s: string) => console.log(((Date.now() - t0) / 1000).toFixed(1), s);
  await m.start();
  say('started');
  await m.waitForSerial(/flexdeploy: tiny up/, 30_000);
  say('up');
  await m.display.waitForText(/tiny up/, 30_000);
  say('ocr');
  await m.display.type('echo Hello "W0rld" $((3*4)) | cat\n');
  await m.display.waitForText(/12/, 20_000);
  say('typed');
  console.log(await m.display.read());
  await m.screenshot('a');
  console.log(
    await m
      .shell('ls -d /sys/class/net; exit 3', 20000)
      .then(async (x) => [x, await m.shell('x')])
      .catch((e) => e.message),
  );
  await m.injectDiskErrors('disk-1', 'read');
  await m.display.type('dd if=/dev/vda of=/dev/null bs=4k skip=100 count=1\n');
  await m.waitForSerial(/I\/O error/i, 10_000).catch((e) => console.log(e.message));
  say('error');
  await m.pullUsb('stick');
  say('pulled');
  await m.cutLink();
  await m.healLink();
  await m.freeze();
  await m.continue();
  await m.reset();
  await m.waitForSerial(/flexdeploy: tiny up/, 30_000);
  say('up again');
  await m.powerCut();
  await m.start();
  await m.waitForSerial(/flexdeploy: tiny up/, 30_000);
  say('up third');
  if (process.argv[2] === 'hang') await new Promise((r) => setTimeout(r, 100_000));
  if (process.argv[2] === 'crash')
    setTimeout(() => {
      throw new Error('crash');
    }, 100).ref();
  if (process.argv[2] === 'crash') await new Promise((r) => setTimeout(r, 100_000));
} finally {
  await lab.close();
}
