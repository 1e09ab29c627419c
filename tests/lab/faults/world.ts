import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Desktop, DiskIdentity } from '#common/protocol/desktop.ts';
import type { KioskState, Screen } from '../../../client-runtime/kiosk/protocol.ts';
import type { Disk } from '../command-line.ts';
import type { Deployment } from '../deployment.ts';
import { eventually } from '../eventually.ts';
import { kiosk, kioskIs, LOGGED_IN, logInRemotely } from '../kiosk-remote.ts';
import type { Machine } from '../machine.ts';
import { ProbeListener } from '../probe.ts';

export const PERSON = { user: 'ana', password: 'flexdeploy' };
export const DESKTOP = 'probe-desk';
/** Milliseconds between two questions to the server: each takes an emulated processor about 40. */
const ASK_EVERY = 2_000;

/** A server, a PC with a disk, and a desktop that writes and tells what it wrote. */
export class World {
  readonly deployment: Deployment;
  readonly pc: Machine;
  readonly probe: ProbeListener;
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** How often a machine lost power because of the emulator's own fault. */
  crashes = 0;

  private constructor(deployment: Deployment, pc: Machine, probe: ProbeListener, id: string) {
    this.deployment = deployment;
    this.pc = pc;
    this.probe = probe;
    this.id = id;
  }

  get server(): Machine {
    return this.deployment.server;
  }

  /**
   * Sets everything up in a lab whose server is switched off: logged in at the PC, the desktop running on the server and
   * writing. The deployment has to be in the network PROBE_NETWORK; what is made here goes when it is closed.
   */
  static async make(deployment: Deployment, disks: readonly Disk[], say: (line: string) => void): Promise<World> {
    const probe = await ProbeListener.open();
    deployment.lab.cleanup.add('closing the listener', () => probe.close());
    say('booting the server');
    await deployment.startServer();
    await deployment.setUp();
    const pc = await deployment.pc('pc', { debug: true, memoryMiB: 3072, disks });
    await pc.start();
    say('importing the probe desktop');
    await deployment.importProbe();
    await deployment.addPerson(PERSON.user, PERSON.password, DESKTOP, { image: 'probe', memoryMiB: 192 });
    const { id } = await deployment.desktop(DESKTOP);
    const world = new World(deployment, pc, probe, id);
    say('logging in and starting the desktop');
    await world.settle(600_000);
    return world;
  }

  /** From now on a machine that the emulator crashes has lost power. */
  survive(say: (line: string) => void): void {
    this.deployment.lab.beginAnew = async (machine, sentence) => {
      this.crashes += 1;
      say(`  and by the emulator's own fault ${machine.name} loses power: ${sentence}`);
      await machine.powerCut();
      await machine.start();
    };
  }

  desktop(): Promise<Desktop> {
    return this.deployment.desktop(DESKTOP);
  }

  /** The PC's disk with this serial number, as the PC itself told the server at log-in. */
  async disk(serial: string): Promise<DiskIdentity> {
    const pcs = await this.deployment.pcs();
    const disk = pcs.flatMap((p) => p.disks).find((d) => d.serial === serial);
    if (!disk) throw new Error(`the PC tells of no disk ${serial}`);
    const { wwn, model, bytes } = disk;
    return { serial, wwn, model, bytes };
  }

  /** Keeps the desktop's disk on the PC too, as a person at the kiosk would; returns when they are the same. */
  async attach(serial: string, withinMs = 1_200_000): Promise<void> {
    await this.keepCopy(serial);
    await this.waitFor('attached', 120_000, (d) => d.attachment !== undefined);
    const over = ({ attachment }: Desktop) => !attachment || attachment.state.kind === 'inSync';
    const { attachment, notice } = await this.waitFor('in sync', withinMs, over);
    if (!attachment) throw new Error(notice?.text ?? 'the copy was given up');
  }

  /** Chooses and confirms the disk; returns when the kiosk has taken it. */
  async keepCopy(serial: string): Promise<void> {
    await kiosk(this.pc, { do: 'chooseDisk', id: this.id });
    await kioskIs(this.pc, 'showing its disks', 60_000, ({ screen }) => JSON.stringify(screen).includes(serial));
    await kiosk(this.pc, { do: 'keepCopy', id: this.id, disk: await this.disk(serial) });
  }

  /** Gives the copy on the PC up. */
  async forget(): Promise<void> {
    await kiosk(this.pc, { do: 'stopCopy', id: this.id });
    await this.waitFor('detached', 120_000, (d) => d.attachment === undefined);
  }

  /** Moves the running desktop. */
  async move(to: 'pc' | 'server'): Promise<void> {
    const before = (await this.desktop()).notice?.at;
    await kiosk(this.pc, { do: 'move', id: this.id, to });
    const moved = await this.waitFor(`on the ${to}`, 240_000, (d) => {
      if (d.notice && d.notice.at !== before) return true;
      return !d.move && (d.holder === undefined) === (to === 'server');
    });
    if (moved.notice && moved.notice.at !== before) throw new Error(moved.notice.text);
  }

  /** Logs out, which brings the desktop back and hands the metadata over, and in again. */
  async leaveAndReturn(): Promise<void> {
    await kiosk(this.pc, { do: 'logOut' });
    await kioskIs(this.pc, 'leaving', 60_000, ({ screen }) => !LOGGED_IN.has(screen.kind));
    await logInRemotely(this.pc, PERSON);
    await kiosk(this.pc, { do: 'openDesktop', id: this.id });
  }

  async waitFor(what: string, withinMs: number, isSo: (desktop: Desktop) => boolean): Promise<Desktop> {
    let last: Desktop | undefined;
    const so = async () => {
      last = await this.desktop();
      return isSo(last);
    };
    await eventually(`the desktop is ${what}`, withinMs, so, ASK_EVERY).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(last)}`);
    });
    return last as Desktop;
  }

  /**
   * After a fault: does what the person would do (log in again, open the desktop again, give up what did not work), and
   * waits until the desktop runs, writes, and no copy of it is behind.
   */
  async settle(withinMs: number): Promise<Desktop> {
    const deadline = Date.now() + withinMs;
    const left = () => Math.max(1_000, deadline - Date.now());
    await eventually('the server answers', left(), async () => (await this.desktop()).id === this.id);
    for (;;) {
      const there = ({ screen }: KioskState) => LOGGED_IN.has(screen.kind) || screen.kind === 'login' || waits(screen);
      const { screen } = await kioskIs(this.pc, 'settled', left(), there);
      if (screen.kind === 'login') await logInRemotely(this.pc, PERSON);
      if (waits(screen) && Date.now() < deadline) {
        await this.#giveUp(screen);
        continue;
      }
      if (screen.kind === 'desktops' || screen.kind === 'login') {
        await kiosk(this.pc, { do: 'openDesktop', id: this.id });
      }
      const from = Date.now();
      const quiet = (d: Desktop) =>
        d.state.kind === 'running' &&
        !d.move &&
        (d.attachment === undefined || d.attachment.state.kind === 'inSync') &&
        (d.holder === undefined || d.attachment !== undefined) &&
        (this.probe.last?.heardAt ?? 0) > from;
      try {
        return await this.waitFor('running, writing and in sync', Math.min(left(), 30_000), quiet);
      } catch (error) {
        if (Date.now() + 1_000 > deadline) throw error;
        await sleep(1_000); // perhaps the screen went back to the list: look again
      }
    }
  }

  /** Switches the desktop off by force, and waits as after a fault. */
  async startOver(withinMs: number): Promise<Desktop> {
    await this.deployment.flexdeploy(['desktop', 'force-off', DESKTOP]);
    return await this.settle(withinMs);
  }

  /** Answers a screen that somebody left: unless whoever came there goes on meanwhile. */
  async #giveUp(screen: Screen): Promise<void> {
    await sleep(10_000);
    const now = await kiosk(this.pc).catch(() => undefined);
    if (!isDeepStrictEqual(now?.screen, screen)) return;
    await kiosk(this.pc, screen.kind === 'disks' ? { do: 'workRemotely' } : { do: 'stay' });
  }
}

/** Whether the kiosk waits for a person's answer. */
const waits = (screen: Screen) =>
  (screen.kind === 'disks' && !screen.busy) || (screen.kind === 'leaving' && screen.step.kind === 'asking');
