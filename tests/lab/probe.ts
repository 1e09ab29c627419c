import { createSocket, type Socket } from 'node:dgram';

/** UDP port of 127.0.0.1 that the probe desktop tells its records to; fixed in its image. */
const PROBE_PORT = 9753;
/** Network of the machines whose desktops tell: QEMU's host is at .2 there, as the probe expects. */
export const PROBE_NETWORK = '192.168.77.0/24';

/** Datagrams in a row that may be lost without the network being cut. */
const MOST_LOST = 5;

/** A record that the desktop says is safely on its disk. */
export interface Told {
  boot: string;
  number: number;
  /** Seconds of the desktop's own clock. */
  uptime: number;
  /** Milliseconds of this machine's clock, when it was heard. */
  heardAt: number;
}

/**
 * Listens to the probe desktop (image-overlay/probe). What it was told is what must be on the disk, wherever the desktop
 * goes on; and since one desktop runs at one place, its numbers can only grow while it was not restarted.
 */
export class ProbeListener {
  /** In the order heard. */
  readonly told: Told[] = [];
  /** Sentences about what only two running copies of one desktop can say. */
  readonly twoWriters: string[] = [];
  /** Where the ring of records lies on the disk, in bytes, and how many slots of 4 KiB it has. */
  ring: { offset: number; slots: number } | undefined;
  /** Last number before each start of the desktop's system, as it found it on its disk. */
  readonly starts: { boot: string; after: number; heardAt: number }[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message) => this.#hear(message.toString('latin1').trim()));
  }

  /**
   * @param address where to listen: of this machine, unless the desktop runs on it without a machine in between
   * @throws when another run listens already: the port is part of the image
   */
  static async open(address = '127.0.0.1'): Promise<ProbeListener> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject).bind(PROBE_PORT, address, () => resolve());
    });
    return new ProbeListener(socket);
  }

  get last(): Told | undefined {
    return this.told.at(-1);
  }

  /** Largest number that was told. */
  get newest(): number {
    return this.told.reduce((most, { number }) => Math.max(most, number), 0);
  }

  /**
   * The longest pause between two records that were both heard since then: `own` by the desktop's clock, which stands still
   * while its machine does, `heard` by this machine's. Seconds. A few that were lost in between only make it look longer.
   */
  longestGap(since = 0): { own: number; heard: number } {
    const longest = { own: 0, heard: 0 };
    for (const [i, now] of this.told.entries()) {
      const before = this.told[i - 1];
      if (!before || before.heardAt < since || before.boot !== now.boot) continue;
      if (now.number - before.number > MOST_LOST) continue; // the network was cut
      longest.own = Math.max(longest.own, now.uptime - before.uptime);
      longest.heard = Math.max(longest.heard, (now.heardAt - before.heardAt) / 1000);
    }
    return longest;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #hear(line: string): void {
    const [word, ...rest] = line.split(' ');
    const heardAt = Date.now();
    if (word === 'place') this.ring = { offset: Number(rest[0]), slots: Number(rest[1]) };
    if (word === 'start') this.starts.push({ boot: rest[0] ?? '', after: Number(rest[1]), heardAt });
    if (word !== 'wrote') return;
    const record = { boot: rest[0] ?? '', number: Number(rest[1]), uptime: Number(rest[2]), heardAt };
    const before = this.told.findLast((t) => t.boot === record.boot);
    if (before && record.number <= before.number) {
      this.twoWriters.push(`record ${record.number} (${record.uptime} s) was told after ${before.number} of one run`);
    }
    const other = this.told.findLast((t) => t.boot !== record.boot);
    const begun = this.told.findIndex((t) => t.boot === record.boot);
    if (other && begun >= 0 && this.told.indexOf(other) > begun) {
      this.twoWriters.push(`two runs of the desktop told records at the same time: ${record.boot} and ${other.boot}`);
    }
    this.told.push(record);
  }
}
