/**
 * From power-on to the login screen, from the click on a desktop to its first frame, and the memory in use at the login
 * screen: the same PC with the same server, booting our ISO and the plain Debian live system (plain-live.ts) from CD.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deployment } from '../lab/deployment.ts';
import { ensureImages } from '../lab/images.ts';
import { backToList, logIn, logOut, openDesktop, waitForLogin } from '../lab/kiosk-walk.ts';
import type { Machine } from '../lab/machine.ts';
import type { Bench } from './main.ts';
import { plainIsoWithConfig, plainLiveIso } from './plain-live.ts';

const BOOT_MS = 15 * 60_000;
const PERSON = { user: 'ana', password: 'flexdeploy', desktop: 'ana-desk' };

interface Measured {
  loginSeconds: number;
  memoryMiB: number;
  firstFrameSeconds: number;
}

export const boot: Bench = {
  name: 'boot',
  about: 'power-on to login, memory at login, click to first frame',
  run: async (say) => {
    await ensureImages(['client', 'server', 'desktop'], say);
    const plainIso = await plainLiveIso(say);
    const deployment = await Deployment.prepare('bench');
    try {
      say('setting a server up');
      await deployment.startServer();
      await deployment.setUp();
      await deployment.importSampleDesktop();
      await deployment.addPerson(PERSON.user, PERSON.password, PERSON.desktop);
      // The desktop runs already: what is measured is the way of the picture, not the guest's boot
      await deployment.flexdeploy(['desktop', 'start', PERSON.desktop, '--wait'], { timeoutMs: 150_000 });
      await sleep(120_000);
      say('our ISO');
      const ours = await measure(await deployment.pc('ours', { boot: 'cd', memoryStatistics: true }));
      say('the plain live system');
      const iso = join(deployment.lab.folder, 'plain.iso');
      const config = { server: deployment.address, ca: deployment.ca, pcName: 'plain' };
      await plainIsoWithConfig(plainIso, iso, config);
      const plain = await measure(
        await deployment.lab.machine('plain', { memoryMiB: 2048, cdrom: iso, memoryStatistics: true }),
      );
      const half = 'half or less';
      const isHalf = (key: keyof Measured) => ours[key] <= plain[key] / 2;
      const figure = (name: string, key: keyof Measured, unit: string) => ({
        ...{ name, ours: ours[key], peer: plain[key], unit, aim: half, met: isHalf(key) },
      });
      return [
        figure('power-on to login', 'loginSeconds', 's'),
        figure('click to first frame', 'firstFrameSeconds', 's'),
        { ...figure('memory in use at login', 'memoryMiB', 'MiB'), aim: 'less', met: ours.memoryMiB < plain.memoryMiB },
      ];
    } finally {
      await deployment.close();
    }
  },
};

/** Boots a PC and uses it once. The milestones are what its runtime writes on the serial line, by this clock. */
async function measure(pc: Machine): Promise<Measured> {
  const start = performance.now();
  await pc.start();
  await pc.waitForSerial(/flexdeploy: login-ready/, BOOT_MS);
  const loginSeconds = (performance.now() - start) / 1000;
  await waitForLogin(pc);
  const memoryMiB = await pc.memoryInUseMiB();
  await logIn(pc, PERSON);
  const click = performance.now();
  const frame = pc.waitForSerial(/flexdeploy: first-frame/, BOOT_MS).then(() => performance.now());
  await openDesktop(pc);
  const firstFrameSeconds = ((await frame) - click) / 1000;
  await backToList(pc);
  await logOut(pc);
  await pc.powerCut();
  return { loginSeconds, memoryMiB, firstFrameSeconds };
}
