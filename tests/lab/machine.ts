import { copyFile, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LongProcess, startProcess } from '#common/process.ts';
import { pressPowerButton, resume } from '#common/qemu/commands.ts';
import { QmpConnection } from '#common/qemu/connection.ts';
import { run } from '#common/run.ts';
import { commandLine, type Disk, type MachineFiles, type MachineOptions, uefiFiles } from './command-line.ts';
import { Display } from './display.ts';
import { KEEP_KVM_IN_USE } from './emulator-fault.ts';
import { GuestShell, type ShellResult } from './guest-shell.ts';
import type { Lab } from './lab.ts';

/** Milliseconds in which a QEMU that has just been started, or is busy, takes a connection. */
const CONNECT_MS = 30_000;

/** A PC or a server in QEMU. What it needs on disk is in the lab's folder; what one looks at, in the lab's results. */
export class Machine {
  readonly name: string;
  readonly #lab: Lab;
  readonly #options: MachineOptions;
  readonly #files: MachineFiles;
  /** Screen, keyboard and mouse. */
  readonly display: Display;
  #process: LongProcess | undefined;
  #qmp: Promise<QmpConnection> | undefined;
  #shell: Promise<GuestShell> | undefined;
  #frozen = false;
  /** Characters of the serial log that belong to earlier starts. */
  #serialFrom = 0;

  private constructor(lab: Lab, name: string, options: MachineOptions, files: MachineFiles) {
    this.name = name;
    this.#lab = lab;
    this.#options = options;
    this.#files = files;
    this.display = new Display(this, join(lab.folder, `${name}.ppm`));
  }

  /** Makes the machine's files; `Lab.machine` calls this. */
  static async prepare(lab: Lab, name: string, options: MachineOptions): Promise<Machine> {
    const file = (suffix: string) => join(lab.folder, `${name}.${suffix}`);
    const disks = new Map<string, string>();
    for (const disk of options.disks ?? []) {
      disks.set(disk.serial, file(disk.serial));
      await prepareDisk(file(disk.serial), disk);
    }
    const uefi = uefiFiles(options.firmware ?? 'bios');
    if (uefi) await copyFile(uefi.variables, file('uefi'));
    return new Machine(lab, name, options, {
      qmp: file('qmp'),
      vnc: file('vnc'),
      console: file('hvc0'),
      uefiVariables: file('uefi'),
      serial: join(lab.results, `${name}.serial.log`),
      disks,
    });
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** Of its QEMU. */
  get pid(): number {
    if (!this.#process?.running) throw new Error(`${this.name} is off`);
    return this.#process.pid;
  }

  /** UNIX socket of its VNC server: no password, many viewers. */
  get vncSocket(): string {
    return this.#files.vnc;
  }

  get results(): string {
    return this.#lab.results;
  }

  /** Switches the machine on; returns when QEMU runs, which is before its firmware does. */
  async start(): Promise<void> {
    if (this.running) throw new Error(`${this.name} is on already`);
    for (const socket of [this.#files.qmp, this.#files.vnc, this.#files.console]) await rm(socket, { force: true });
    this.#serialFrom = (await readFile(this.#files.serial, 'utf8').catch(() => '')).length;
    this.#frozen = false;
    const argv = commandLine(this.name, this.#options, this.#files, this.#lab.accelerator);
    const qemu = await startProcess(argv, { logFile: join(this.#lab.results, `${this.name}.qemu.log`) });
    this.#process = qemu;
    this.#qmp = undefined;
    await this.#connection();
  }

  /** One QMP command. */
  async qmp(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return (await this.#connection()).execute(command, args);
  }

  /** To QEMU; anew where the last one has ended, which it does when an answer comes too late. */
  async #connection(): Promise<QmpConnection> {
    const qemu = this.#process;
    if (!qemu?.running) throw new Error(`${this.name} is off`);
    this.#qmp ??= this.#connect(qemu);
    return this.#qmp;
  }

  async #connect(qemu: LongProcess): Promise<QmpConnection> {
    const ended = new AbortController();
    void qemu.exited.then(() => ended.abort());
    try {
      const qmp = await QmpConnection.connect(this.#files.qmp, { timeoutMs: CONNECT_MS, signal: ended.signal });
      void qmp.closed.then(() => this.#forget(qemu));
      return qmp;
    } catch (error) {
      this.#forget(qemu);
      throw qemu.running ? error : await qemu.failure();
    }
  }

  /** The connection to that QEMU has ended, unless there is another QEMU already. */
  #forget(qemu: LongProcess): void {
    if (this.#process === qemu) this.#qmp = undefined;
  }

  /** The machine loses power, now. Its disks hold what the guest had flushed, and perhaps more. Fine when it is off. */
  async powerCut(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
    this.#qmp = undefined;
    this.#closeShell();
  }

  /** Waits until the guest has switched the machine off by itself. */
  async waitForPowerOff(withinMs: number): Promise<void> {
    const timer = new AbortController();
    const late = sleep(withinMs, true, { signal: timer.signal }).catch(() => false);
    const isLate = await Promise.race([this.#process?.exited.then(() => false), late]);
    timer.abort();
    if (isLate) throw await this.failure(`did not switch itself off within ${withinMs / 1000} s`);
    await this.powerCut();
  }

  /** The reset button. */
  async reset(): Promise<void> {
    this.#serialFrom = (await this.#serialAll()).length;
    this.#closeShell();
    await this.qmp('system_reset');
  }

  /** The power button, pressed shortly (ACPI). */
  async powerButton(): Promise<void> {
    await pressPowerButton(await this.#connection());
  }

  /** Stops the machine's time: from outside it looks like one that hangs. */
  async freeze(): Promise<void> {
    this.#frozen = true;
    await this.qmp('stop');
  }

  async continue(): Promise<void> {
    this.#frozen = false;
    await resume(await this.#connection());
  }

  /**
   * Does something while the machine's time stands still; afterwards it goes on, unless a test has frozen it. Also where
   * QEMU answered too late that it has stopped.
   */
  async held<T>(work: () => Promise<T>): Promise<T> {
    try {
      await this.qmp('stop');
      return await work();
    } finally {
      if (!this.#frozen) await resume(await this.#connection());
    }
  }

  /** Pulls the network cable of a card. */
  async cutLink(nic = 0): Promise<void> {
    await this.qmp('set_link', { name: `nic${nic}`, up: false });
  }

  async healLink(nic = 0): Promise<void> {
    await this.qmp('set_link', { name: `nic${nic}`, up: true });
  }

  /** Pulls a USB disk, whatever the guest thinks of it. */
  async pullUsb(serial: string): Promise<void> {
    await this.qmp('device_del', { id: serial });
    for (const deadline = Date.now() + 10_000; ; await sleep(100)) {
      const devices = (await this.qmp('qom-list', { path: '/machine/peripheral' })) as { name: string }[];
      if (!devices.some((d) => d.name === serial)) return;
      if (Date.now() > deadline) throw await this.failure(`does not let USB disk ${serial} go`);
    }
  }

  /** Bytes a second that a virtio disk takes from now on; 0: as many as it can. Making zeros counts as writing. */
  async limitWrites(serial: string, bytesPerSecond: number): Promise<void> {
    const free = { bps: 0, bps_rd: 0, iops: 0, iops_rd: 0, iops_wr: 0 };
    const id = `/machine/peripheral/${serial}/virtio-backend`; // of the two devices the one that has the disk
    await this.qmp('block_set_io_throttle', { id, ...free, bps_wr: bytesPerSecond });
  }

  /** From now on every read, or write, of a disk fails with EIO. */
  async injectDiskErrors(serial: string, iotype: 'read' | 'write' | 'flush'): Promise<void> {
    const debug = `blkdebug-${serial}`;
    // event `none`: from the start, every time; see BlkdebugInjectErrorOptions in QEMU's QAPI
    const rule = { event: 'none', iotype, errno: 5 };
    await this.qmp('blockdev-add', {
      driver: 'blkdebug',
      'node-name': debug,
      image: `layer-${serial}`,
      'inject-error': [rule],
    });
    await this.qmp('blockdev-reopen', { options: [{ driver: 'raw', 'node-name': `node-${serial}`, file: debug }] });
  }

  /** MiB of memory that the guest could not give to a new program; for machines with `memoryStatistics`. */
  async memoryInUseMiB(): Promise<number> {
    const path = '/machine/peripheral/balloon';
    // the first figures that QEMU has are those of the moment when the driver was loaded
    const now = Math.floor(Date.now() / 1000);
    await this.qmp('qom-set', { path, property: 'guest-stats-polling-interval', value: 1 });
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(500)) {
      const answer = (await this.qmp('qom-get', { path, property: 'guest-stats' })) as {
        stats: Record<string, number>;
        'last-update': number;
      };
      const { 'stat-total-memory': total = -1, 'stat-available-memory': available = -1 } = answer.stats;
      if (answer['last-update'] > now && total > 0 && available > 0) return (total - available) / 1024 ** 2;
    }
    throw await this.failure('tells nothing about its memory: has its system no virtio-balloon driver?');
  }

  /** What this start of the machine wrote to ttyS0 so far. */
  async serialText(): Promise<string> {
    return (await this.#serialAll()).slice(this.#serialFrom);
  }

  #serialAll(): Promise<string> {
    return readFile(this.#files.serial, 'utf8').catch(() => '');
  }

  /** Waits for words on the serial line; the match tells which. */
  async waitForSerial(pattern: RegExp, withinMs: number): Promise<RegExpExecArray> {
    for (const deadline = Date.now() + withinMs; ; await sleep(200)) {
      const match = pattern.exec(await this.serialText());
      if (match) return match;
      if (!this.running) throw await this.failure(`ended before its serial line said ${pattern}`);
      if (Date.now() > deadline) throw await this.failure(`did not say ${pattern} within ${withinMs / 1000} s`);
    }
  }

  /** A command as root inside; only in images built with `--debug`. */
  async shell(command: string, withinMs?: number): Promise<ShellResult> {
    this.#shell ??= this.#openShell();
    const opening = this.#shell;
    const shell = await opening.catch((error) => {
      if (this.#shell === opening) this.#shell = undefined;
      throw error;
    });
    return shell.run(command, withinMs);
  }

  async #openShell(): Promise<GuestShell> {
    const shell = await GuestShell.connect(this.#files.console, 120_000);
    await shell.run(KEEP_KVM_IN_USE);
    return shell;
  }

  #closeShell(): void {
    this.#shell?.then(
      (shell) => shell.close(),
      () => {},
    );
    this.#shell = undefined;
  }

  /** Keeps the screen as `out/lab/…/NAME.png`; returns the path. */
  async screenshot(name: string): Promise<string> {
    const path = join(this.#lab.results, `${name}.png`);
    await this.qmp('screendump', { filename: path, format: 'png' });
    return path;
  }

  /** An error that says what the machine did not do, with where to look: its screen and its serial log are kept. */
  async failure(what: string): Promise<Error> {
    const tail = (await this.serialText()).trim().split('\n').slice(-12).join('\n');
    const lines = [`${this.name} ${what}`, `serial log ${this.#files.serial}, its end:`, tail];
    if (this.running) {
      const shot = await this.screenshot(`${this.name}-failure`).catch(() => undefined);
      const text = await this.display.read().catch(() => undefined);
      lines.push(`screen ${shot}, where one reads:`, text?.trim() ?? '(nothing)');
    } else if (this.#process) {
      lines.push((await this.#process.failure()).message);
    }
    return new Error(lines.join('\n'));
  }
}

/** Makes the file behind a disk: always a layer or a disk of the machine's own. */
async function prepareDisk(path: string, disk: Disk): Promise<void> {
  const size = disk.sizeMiB ? [`${disk.sizeMiB}M`] : [];
  const backing = disk.base ? ['-b', resolve(disk.base), '-F', disk.base.endsWith('.qcow2') ? 'qcow2' : 'raw'] : [];
  await run(['qemu-img', 'create', '-q', '-f', 'qcow2', ...backing, path, ...size]);
}
