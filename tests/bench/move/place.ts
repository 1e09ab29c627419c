/** One of the two places between which the desktop moves. Both are on one machine here, so their names differ. */
import { pino } from 'pino';
import { diskSize } from '#common/drbd/resource.ts';
import { desktopOwner, prepareFolders } from '#common/hosting/files.ts';
import { HostedMachine } from '#common/hosting/machine.ts';
import { type Places, placesOf } from '#common/hosting/places.ts';
import { desktopService } from '#common/hosting/unit.ts';
import type { HostedDesktop } from '#common/protocol/host-link.ts';
import type { QmpConnection } from '#common/qemu/connection.ts';
import { clearFailure, startService, type TransientService } from '#common/systemd/transient.ts';

/** The probe desktop (builder/profiles/probe.ts). */
export const DESKTOP: HostedDesktop = {
  ...{ id: '00000000be9cb000', name: 'probe', owner: 'bench', firmware: 'bios' },
  ...{ memoryMiB: 192, cpus: 1, diskBytes: diskSize(1024 ** 3) },
};

export interface PlaceOptions {
  /** Of its unit and folders. */
  name: string;
  disk: string;
  /** TCP, of its screen. */
  screenPort: number;
  /** What is different from how the product starts a desktop. */
  adapt?(service: TransientService): TransientService;
}

export class Place {
  readonly machine: HostedMachine;
  /** Milliseconds of QEMU's clock: when the desktop last stood still here, and went on here. */
  stoppedAt: number | undefined;
  resumedAt: number | undefined;
  /** Changes while memory is sent. */
  progress = '';
  readonly #options: PlaceOptions;
  readonly #folders: { state: string; run: string };
  readonly #places: Places;

  constructor(options: PlaceOptions) {
    this.#options = options;
    this.#folders = { state: `/var/lib/bench-${options.name}`, run: `/run/bench-${options.name}` };
    this.#places = { ...placesOf(DESKTOP.id, this.#folders), unit: `flexdeploy-bench-${options.name}.service` };
    this.machine = new HostedMachine({
      places: this.#places,
      log: pino({ level: 'silent' }),
      onState: () => {},
      onProgress: (progress) => {
        this.progress = JSON.stringify(progress);
      },
      onEvent: async ({ name, at }) => {
        if (name === 'STOP') this.stoppedAt = at;
        if (name === 'RESUME') this.resumedAt = at;
      },
    });
  }

  get qmp(): QmpConnection {
    const { qmp } = this.machine;
    if (!qmp) throw new Error(`there is no machine at ${this.#options.name}: ${JSON.stringify(this.machine.state)}`);
    return qmp;
  }

  /** Starts QEMU in its unit. `incoming`: it waits for a migration. */
  async startUnit({ incoming }: { incoming: boolean }): Promise<void> {
    const { disk, screenPort: port, adapt = (service) => service } = this.#options;
    const places = this.#places;
    await clearFailure(places.unit);
    await prepareFolders(places, { owner: await desktopOwner(), firmware: DESKTOP.firmware, port });
    const screen = { address: '127.0.0.1', port };
    await startService(
      adapt(desktopService({ desktop: DESKTOP, places, folders: this.#folders, disk, screen, incoming })),
    );
  }

  /** Switches the desktop on. */
  async start(): Promise<void> {
    await this.machine.startCold(() => this.startUnit({ incoming: false }));
  }
}
