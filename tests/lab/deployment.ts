import { constants, copyFile, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import { PinnedClient } from '#common/http/pinned-client.ts';
import { Pc, Session } from '#common/protocol/client-server.ts';
import type { BootConfig } from '#common/protocol/config.ts';
import { Desktop } from '#common/protocol/desktop.ts';
import { run } from '#common/run.ts';
import { client } from '../../builder/profiles/client.ts';
import { cpioArchive } from '../../pxe-less-boot/cpio.ts';
import { beforeDesktops } from './accelerator.ts';
import type { Disk, MachineFirmware, Nic } from './command-line.ts';
import { IMAGES } from './images.ts';
import { Lab } from './lab.ts';
import type { Machine } from './machine.ts';
import { freeTcpPort, freeUdpPort, HOST_SEEN_BY_GUESTS, hostSeenIn } from './network.ts';

/** Seconds allowed for a boot, where every instruction is translated and four machines share two CPUs. */
const SERVER_BOOT_MS = 480_000;
const ADMIN = { user: 'admin', password: 'correct horse 9' };

/**
 * For the server's unit where every instruction is translated: the translator takes vector instructions apart. Without SSSE3
 * (bit 41, OPENSSL_ia32cap(3)) OpenSSL takes plain code, and is 2 to 3 times as quick with SHA-256 and ChaCha20. AES keeps
 * its own instructions, which are quicker.
 */
const PLAIN_CIPHERS = ['[Service]', 'Environment=OPENSSL_ia32cap=~0x20000000000', ''];
/** Under an emulated SVM the kernel's khugepaged was seen to hang for ever, with all of the server (docs/decisions.md). */
const NO_HUGE_PAGES = 'w /sys/kernel/mm/transparent_hugepage/enabled - - - - never';

/** Credentials of a server whose every instruction is translated. */
async function forEmulation(): Promise<Record<string, string>> {
  const before = (await beforeDesktops()).map((program) => `ExecStartPre=-+${program}`);
  const dropIn = (name: string) => `systemd.unit-dropin.flexdeploy-server.service~${name}`;
  return {
    'tmpfiles.extra': NO_HUGE_PAGES,
    [dropIn('ciphers')]: PLAIN_CIPHERS.join('\n'),
    [dropIn('paging')]: ['[Service]', ...before, ''].join('\n'),
  };
}

export interface PcOptions {
  /** How it starts: `kernel` without firmware and boot loader, which is quickest. */
  boot?: 'kernel' | 'cd' | 'usb';
  firmware?: MachineFirmware;
  memoryMiB?: number;
  cpus?: number;
  nics?: readonly Nic[];
  /** Disks of its own; a PC that boots from USB has none beside the stick. */
  disks?: readonly Disk[];
  /** With the debug shell. */
  debug?: boolean;
  /** flexdeploy.json; without it, this deployment's server and CA. */
  config?: BootConfig;
  video?: 'virtio' | 'std';
  display?: { width: number; height: number };
  memoryStatistics?: boolean;
}

/** A server and its PCs, each behind a NAT of its own. */
export class Deployment {
  readonly lab: Lab;
  readonly server: Machine;
  /** Port of 127.0.0.1 that leads to the server's HTTPS; `10.0.2.2:PORT` for PCs. */
  readonly port: number;
  /** `sha256:…`, as the server's console shows it; known after {@link setUp}. */
  #ca = '';

  #api: PinnedClient | undefined;
  /** The network that each machine's NAT makes, with this machine at .2; QEMU's own unless given. */
  readonly #network: string | undefined;

  private constructor(lab: Lab, server: Machine, port: number, network: string | undefined) {
    this.lab = lab;
    this.server = server;
    this.port = port;
    this.#network = network;
  }

  /** A lab with a server in it, switched off, with blank disks. */
  static async prepare(
    name: string,
    options: { results?: string; debug?: boolean; network?: string } = {},
  ): Promise<Deployment> {
    const kernel = IMAGES.clientKernel(false);
    const lab = await Lab.open(name, { kernel, ...(options.results && { results: options.results }) });
    try {
      const port = await freeTcpPort();
      const tunnelPort = await freeUdpPort();
      const server = await lab.machine('server', {
        memoryMiB: 4096,
        disks: [
          { serial: 'system', base: IMAGES.server(options.debug ?? false) },
          { serial: 'data', sizeMiB: 32 * 1024 },
        ],
        // The server listens on the same UDP port inside as it announces to PCs: its NAT keeps the number
        nics: [
          {
            ...(options.network && { network: options.network }),
            forwards: [
              { protocol: 'tcp', hostPort: port, guestPort: 443 },
              { protocol: 'udp', hostPort: tunnelPort, guestPort: tunnelPort },
            ],
          },
        ],
        credentials: {
          'flexdeploy.server.json': JSON.stringify({ tunnelPort }),
          ...(lab.accelerator === 'tcg' && (await forEmulation())),
        },
      });
      return new Deployment(lab, server, port, options.network);
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** `host:port` of the server as PCs see it. */
  get address(): string {
    return `${this.#network ? hostSeenIn(this.#network) : HOST_SEEN_BY_GUESTS}:${this.port}`;
  }

  get ca(): string {
    return this.#ca;
  }

  /** Switches the server on and waits for what it says of itself on its console. */
  async startServer(): Promise<void> {
    await this.server.start();
    const [, ca = ''] = await this.server.waitForSerial(/CA fingerprint\s+(sha256:[0-9a-f]{64})/, SERVER_BOOT_MS);
    this.#ca = ca;
  }

  /** Makes the first administrator, with the code on the server's console, and logs the command line in. */
  async setUp(): Promise<void> {
    const [, code = ''] = await this.server.waitForSerial(/Set-up code: (\S+)/, 120_000);
    const where = ['--server', `127.0.0.1:${this.port}`, '--ca', this.#ca, '--user', ADMIN.user, '--password-stdin'];
    await this.flexdeploy(['setup', ...where, '--code', code], { input: ADMIN.password });
    await this.flexdeploy(['login', ...where], { input: ADMIN.password });
  }

  /** The real command line, on this machine, against the server. Returns what it prints. */
  async flexdeploy(
    args: readonly string[],
    options: { input?: string; timeoutMs?: number; onLine?: (line: string) => void } = {},
  ): Promise<string> {
    const { onLine, ...rest } = options;
    const { stdout } = await run([process.execPath, 'server/cli/main.ts', ...args], {
      env: { XDG_CONFIG_HOME: join(this.lab.folder, 'config') },
      ...rest,
      ...(onLine && { onLine: (line) => onLine(line) }),
    });
    return stdout;
  }

  /** A question to the API with the command line's token: tests ask all the time, and a process each is a load. */
  async #ask<T extends TSchema>(path: string, answer: T): Promise<Static<T>> {
    this.#api ??= new PinnedClient(
      JSON.parse(await readFile(join(this.lab.folder, 'config', 'flexdeploy', 'login.json'), 'utf8')),
    );
    return this.#api.call({ path, answer });
  }

  async importSampleDesktop(onLine?: (line: string) => void): Promise<void> {
    await this.#importImage(IMAGES.desktop, 'sample', onLine);
  }

  /** The desktop for tests that writes records and tells them (image-overlay/probe). */
  async importProbe(): Promise<void> {
    await this.#importImage(IMAGES.probe, 'probe');
  }

  async #importImage(file: string, name: string, onLine?: (line: string) => void): Promise<void> {
    await this.flexdeploy(['image', 'import', file, '--name', name, '--firmware', 'bios'], {
      timeoutMs: 15 * 60_000,
      ...(onLine && { onLine }),
    });
  }

  /**
   * An account with one desktop of its own. It has one processor: under emulation a second one makes it slower (a kernel
   * that boots to its end: 59 s with one, 123 s with two on a busy machine, 26 and 37 s on a quiet one).
   */
  async addPerson(
    user: string,
    password: string,
    desktop: string,
    { image = 'sample', memoryMiB = 1024 } = {},
  ): Promise<void> {
    await this.flexdeploy(['user', 'add', user, '--password-stdin'], { input: password });
    const what = ['--image', image, '--owner', user, '--memory', String(memoryMiB), '--cpus', '1'];
    await this.flexdeploy(['desktop', 'create', desktop, ...what], {
      timeoutMs: 120_000,
    });
  }

  async desktop(name: string): Promise<Desktop> {
    const desktop = (await this.#ask('/desktops', Type.Array(Desktop))).find((d) => d.name === name);
    if (!desktop) throw new Error(`there is no desktop ${name}`);
    return desktop;
  }

  sessions(): Promise<Session[]> {
    return this.#ask('/sessions', Type.Array(Session));
  }

  pcs(): Promise<Pc[]> {
    return this.#ask('/pcs', Type.Array(Pc));
  }

  /** A PC with the live image and this deployment's flexdeploy.json, switched off. */
  async pc(name: string, options: PcOptions = {}): Promise<Machine> {
    const { boot = 'kernel', debug = false } = options;
    const config = options.config ?? { server: this.address, ca: this.#ca, pcName: name };
    const common = {
      memoryMiB: options.memoryMiB ?? 2048,
      firmware: options.firmware ?? 'bios',
      ...(options.cpus && { cpus: options.cpus }),
      ...(options.nics && { nics: options.nics }),
      ...(this.#network && { nics: [{ network: this.#network }] }),
      ...(options.disks && { disks: options.disks }),
      ...(options.video && { video: options.video }),
      ...(options.display && { display: options.display }),
      ...(options.memoryStatistics && { memoryStatistics: true }),
    } as const;
    if (boot === 'kernel') {
      const initrd = join(this.lab.folder, `${name}.initrd`);
      await initrdWithConfig(IMAGES.clientInitrd(debug), initrd, config);
      const ofLab = this.lab.accelerator === 'tcg' ? ['transparent_hugepage=never'] : []; // as for the server
      const commandLine = [...client.kernelCommandLine, ...ofLab].join(' ');
      return this.lab.machine(name, { ...common, kernel: { image: IMAGES.clientKernel(debug), initrd, commandLine } });
    }
    const iso = join(this.lab.folder, `${name}.iso`);
    await copyFile(IMAGES.clientIso(debug), iso, constants.COPYFILE_FICLONE);
    const file = join(this.lab.folder, `${name}.json`);
    await using json = await open(file, 'w');
    await json.writeFile(JSON.stringify(config));
    await run([process.execPath, 'builder/main.ts', 'config', iso, '--file', file]);
    return this.lab.machine(name, {
      ...common,
      ...(boot === 'cd' ? { cdrom: iso } : { disks: [{ serial: 'stick', base: iso, bus: 'usb' }] }),
    });
  }

  close(): Promise<void> {
    this.#api?.close();
    return this.lab.close();
  }
}

/** What GRUB does with the medium's flexdeploy.json, done beforehand: a second cpio archive after the first. */
async function initrdWithConfig(from: string, to: string, config: BootConfig): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await using file = await open(to, 'a');
  const { size } = await file.stat();
  await file.write(new Uint8Array((512 - (size % 512)) % 512)); // an archive starts at a multiple of 4 bytes
  const content = Buffer.from(JSON.stringify(config, null, 2));
  for await (const piece of cpioArchive([{ kind: 'file', path: 'flexdeploy.json', mode: 0o644, content }], 0)) {
    await file.write(piece);
  }
}
