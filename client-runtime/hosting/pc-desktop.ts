/** The desktop whose disk is attached to this PC: its disk, and its machine when it runs here. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { UserError } from '#common/errors.ts';
import { hasUefiVars, makeUefiVars, type Owner, prepareFolders } from '#common/hosting/files.ts';
import { requireHost } from '#common/hosting/host-facts.ts';
import { HostedMachine } from '#common/hosting/machine.ts';
import { type Folders, type Places, placesOf } from '#common/hosting/places.ts';
import { GRACE_MS, TICKET_SECONDS } from '#common/hosting/ticket.ts';
import { desktopService } from '#common/hosting/unit.ts';
import type {
  HostAnswer,
  HostArgs,
  HostedDesktop,
  MachineState,
  MigrationProgress,
  MigrationResult,
} from '#common/protocol/host-link.ts';
import { allowTicket, limitTicket, mainChannelOf, revokeTicket } from '#common/qemu/commands.ts';
import type { QmpEvent } from '#common/qemu/wire.ts';
import { clearFailure, startService } from '#common/systemd/transient.ts';
import type { OpenGuarded } from '../disks/guard.ts';
import type { Attached } from './memory.ts';
import { PC_DISK, Replica } from './replica.ts';

/** The screen of the one desktop here: on this machine only, for the kiosk's own viewer. */
const SCREEN = { address: '127.0.0.1', port: 5900 };
/** Inside the tunnel, a desktop that is sent to this PC arrives on this TCP port. */
const ARRIVAL_PORT = 40_000;

/** Milliseconds after which a guest that was asked to shut down did not want to. */
const SHUT_DOWN_LIMIT_MS = 180_000;
/** Milliseconds between two presses of the power button: a guest that is still starting loses the first one. */
const PRESS_EVERY_MS = 20_000;

export interface PcDesktopOptions {
  attached: Attached;
  folders: Folders;
  owner: Owner;
  openGuarded: OpenGuarded;
  log: Logger;
  onMachine(state: MachineState): void;
  onProgress(progress: MigrationProgress): void;
  onEmptying(percent: number): void;
}

export class PcDesktop {
  readonly replica: Replica;
  attached: Attached;
  readonly places: Places;
  readonly #options: PcDesktopOptions;
  readonly #machine: HostedMachine;

  constructor(options: PcDesktopOptions) {
    const { attached, folders, openGuarded } = options;
    const log = options.log.child({ desktop: attached.desktop.id });
    this.#options = options;
    this.attached = attached;
    this.places = placesOf(attached.desktop.id, folders);
    this.replica = new Replica({
      ...{ id: attached.desktop.id, folder: folders.run, openGuarded, log },
      onEmptying: (percent) => options.onEmptying(percent),
    });
    this.#machine = new HostedMachine({
      places: this.places,
      log,
      onConnected: (qmp) => revokeTicket(qmp), // nobody gets in before a ticket is made
      onEvent: (event) => this.#onEvent(event),
      onState: (state) => options.onMachine(state),
      onProgress: (progress) => options.onProgress(progress),
    });
  }

  get desktop(): HostedDesktop {
    return this.attached.desktop;
  }

  get machine(): MachineState {
    return this.#machine.state;
  }

  /** After a start of our process: what is there of it. `false`: its disk is not attached (any more). */
  async find(): Promise<boolean> {
    const { disk, desktop } = this.attached;
    if (!(await this.replica.find({ disk, bytes: desktop.diskBytes }))) return false;
    await this.#machine.find();
    return true;
  }

  async attach(args: HostArgs<'attach'>, signal: AbortSignal): Promise<HostAnswer<'attach'>> {
    return await this.replica.attach(args, signal);
  }

  async configure(resource: string): Promise<void> {
    await this.replica.configure(resource);
  }

  async detach(save: boolean): Promise<HostAnswer<'detach'>> {
    const { kind } = this.#machine.state;
    if (kind === 'failed' || kind === 'sent') await this.endMachine();
    else if (kind !== 'none') throw new UserError(`the disk is in use: the desktop is "${kind}" on this PC`);
    const { disk, desktop } = this.attached;
    const saved = await this.replica.detach({ save, disk, bytes: desktop.diskBytes });
    return saved ? { saved } : {};
  }

  async setRole(role: 'primary' | 'secondary'): Promise<void> {
    const { drbd } = this.replica;
    await (role === 'primary' ? drbd.primary() : drbd.secondary());
  }

  async pauseSync(paused: boolean): Promise<void> {
    const { drbd } = this.replica;
    await (paused ? drbd.pauseSync() : drbd.resumeSync());
  }

  /** Starts a machine that waits to be sent here. @param address this PC's, inside the tunnel */
  async startIncoming(desktop: HostedDesktop, address: string): Promise<{ host: string; port: number }> {
    await this.#prepareStart(desktop);
    const at = { host: address, port: ARRIVAL_PORT };
    await this.#machine.receive(() => this.#start({ incoming: true }), at);
    return at;
  }

  async startMachine(desktop: HostedDesktop): Promise<void> {
    if (this.#machine.state.kind === 'running') return;
    if (await this.#machine.isBroken()) await this.#machine.end();
    await this.#prepareStart(desktop);
    await this.#machine.startCold(() => this.#start({ incoming: false }));
  }

  /** Everything but this is asked of a desktop one after the other: see {@link PcHost}. */
  async migrateTo(to: Omit<HostArgs<'migrateTo'>, 'desktop'>, signal?: AbortSignal): Promise<MigrationResult> {
    return await this.#machine.send({ ...to, signal });
  }

  async cancelMigration(): Promise<void> {
    await this.#machine.cancelSending();
  }

  async letRun(from: 'arrived' | 'sent'): Promise<void> {
    await this.#machine.letRun(from);
  }

  /** Also one that hangs because its disk waits for a server that will not take it back. */
  async endMachine(): Promise<void> {
    await this.replica.unfreeze();
    await this.#machine.end();
  }

  /** Presses the power button, and goes on pressing it for a while. */
  async shutDown(): Promise<void> {
    if (this.#machine.state.kind === 'none') return;
    await this.#machine.pressPowerButton();
    void this.#pressUntilOff(SHUT_DOWN_LIMIT_MS, Date.now());
  }

  /** Asks the guest to shut down, and ends it when it has not after this many milliseconds. */
  async shutDownWithin(ms: number): Promise<void> {
    await this.#pressUntilOff(ms);
    await this.endMachine();
  }

  async #pressUntilOff(ms: number, pressedAt = 0): Promise<void> {
    const deadline = Date.now() + ms;
    for (let pressed = pressedAt; this.#machine.state.kind === 'running' && Date.now() < deadline; ) {
      if (Date.now() - pressed > PRESS_EVERY_MS) {
        pressed = Date.now();
        await this.#machine.pressPowerButton().catch(() => {}); // it went meanwhile
      }
      await sleep(200);
    }
  }

  /** Lets a viewer on this PC in, once more. */
  async ticket(): Promise<{ host: string; port: number; password: string }> {
    const { qmp } = this.#machine;
    if (!qmp || this.#machine.state.kind !== 'running') throw new UserError('the desktop does not run on this PC');
    const password = await allowTicket(qmp, TICKET_SECONDS);
    return { host: SCREEN.address, port: SCREEN.port, password };
  }

  /** A ticket that was used in its last second has to last for the viewer's other channels too. */
  async #onEvent(event: QmpEvent): Promise<void> {
    const { qmp } = this.#machine;
    if (qmp && mainChannelOf(event)) await limitTicket(qmp, GRACE_MS / 1000);
  }

  /** Stops watching; the machine goes on. */
  close(): void {
    this.#machine.close();
  }

  async #prepareStart(desktop: HostedDesktop): Promise<void> {
    const { kind } = this.#machine.state;
    if (kind !== 'none' && kind !== 'failed') throw new UserError(`the desktop is "${kind}" on this PC`);
    await clearFailure(this.places.unit);
    await requireHost(desktop, 'this PC');
    if ((await this.replica.drbd.status())?.role !== 'Primary')
      throw new UserError('the disk is not to be written here');
    this.attached = { ...this.attached, desktop };
    if (desktop.firmware === 'uefi' && !(await hasUefiVars(this.places))) {
      await makeUefiVars(this.places, this.#options.owner);
    }
  }

  async #start({ incoming }: { incoming: boolean }): Promise<void> {
    const { folders, owner } = this.#options;
    const { desktop, places } = this;
    await prepareFolders(places, { owner, firmware: desktop.firmware, port: SCREEN.port });
    await startService(desktopService({ desktop, places, folders, disk: PC_DISK, screen: SCREEN, incoming }));
  }
}
