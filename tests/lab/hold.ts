/** Not a test: opens a lab with a machine in it and waits. `cleanup.test.ts` ends it in different ways. */
import { IMAGES } from './images.ts';
import { Lab } from './lab.ts';

const [name = 'held', end] = process.argv.slice(2);
const lab = await Lab.open(name, { kernel: IMAGES.clientKernel(false) });
const machine = await lab.machine('pc', { memoryMiB: 128, disks: [{ serial: 'disk', sizeMiB: 16 }] });
await machine.start();
console.log(`holding ${lab.folder}`);
if (end === 'crash') {
  setTimeout(() => {
    throw new Error('a bug');
  }, 100);
}
setInterval(() => {}, 60_000);
