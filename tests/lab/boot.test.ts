/** The boot medium on every kind of PC there is: it ends at the login screen, and the medium can be pulled. */
import t from 'tap';
import type { PcOptions } from './deployment.ts';
import { labTest } from './harness.ts';
import { LIMITS, waitForLogin } from './kiosk-walk.ts';

const { deployment, chapter } = await labTest(t, 'boot', { images: ['client-debug', 'server'], memoryGiB: 7 });

chapter('the server boots and shows its CA fingerprint and a set-up code on its console', async (t) => {
  await deployment.startServer();
  await deployment.server.waitForSerial(/Set-up code: [A-Z0-9-]+/, 120_000);
  t.match(deployment.ca, /^sha256:[0-9a-f]{64}$/);
});

/** Boots a PC to the login screen, says how long that took, and switches it off. */
function bootsToLogin(
  sentence: string,
  name: string,
  options: PcOptions,
  also?: (name: string) => Promise<void>,
): void {
  chapter(sentence, async (t) => {
    const pc = await deployment.pc(name, options);
    const start = Date.now();
    await pc.start();
    await waitForLogin(pc);
    t.pass(`the login screen shows after ${Math.round((Date.now() - start) / 1000)} s`);
    await pc.screenshot(name);
    await also?.(name);
    await pc.powerCut();
  });
}

const machine = (name: string) => {
  const found = deployment.lab.machines.find((m) => m.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
};

bootsToLogin('a PC with BIOS and 1 GiB of memory boots from CD to the login screen', 'bios-cd', {
  boot: 'cd',
  memoryMiB: 1024,
});

bootsToLogin(
  'a PC with UEFI boots from a USB stick, which is pulled then, and goes on working',
  'uefi-usb',
  { boot: 'usb', firmware: 'uefi' },
  async (name) => {
    const pc = machine(name);
    await pc.pullUsb('stick');
    await pc.display.type('somebody\twrong password\n');
    await pc.display.waitForText(/not correct/i, LIMITS.answer);
    await pc.screenshot(`${name}-pulled`);
  },
);

bootsToLogin(
  'a PC with UEFI and Secure Boot on boots through shim and signed GRUB to the login screen',
  'secure-boot',
  { boot: 'cd', firmware: 'uefi-secure-boot', debug: true },
  async (name) => {
    const { output } = await machine(name).shell('od -An -tu1 /sys/firmware/efi/efivars/SecureBoot-*; uname -v');
    // four bytes of attributes, then 1: UEFI specification, section 3.3 (SecureBoot)
    t.match(output, /^(\s+\d+){4}\s+1\s/, 'the firmware says that Secure Boot is on');
  },
);
