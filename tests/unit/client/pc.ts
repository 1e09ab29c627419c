/** A PC for the tests of the runtime. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { PinnedClient } from '#common/http/pinned-client.ts';
import type { MachineFacts, TunnelConfig } from '#common/protocol/client-server.ts';
import { NOTHING_HERE } from '../../../client-runtime/facts.ts';
import type { KioskState, Screen, ShellCommand } from '../../../client-runtime/kiosk/protocol.ts';
import { Runtime } from '../../../client-runtime/runtime.ts';
import { PASSWORD } from '../server/start.ts';

const MACHINE: MachineFacts = {
  uuid: '3a4acb76-858f-4689-8be3-c78ead002bf0',
  name: 'lab-7',
  firmware: 'uefi',
  secureBoot: false,
  cpuModel: 'test',
  cpus: 2,
  kvm: false,
  memoryKiB: 1024,
  macs: [],
  disks: [],
  version: '0.1.0',
};

/** A PC whose server conversation is real; what it would do to its own machine is written down. */
export class Pc {
  readonly log: string[] = [];
  readonly shell: ShellCommand[] = [];
  readonly done: string[] = [];
  readonly screens: Screen[] = [];
  tunnel: TunnelConfig | undefined;
  /** Is told what a host would be told. */
  readonly hosted: string[] = [];
  readonly runtime: Runtime;

  constructor(server: string | undefined, ca: string) {
    const client = server === undefined ? undefined : new PinnedClient({ server, ca, connectTimeoutMs: 1000 });
    this.runtime = new Runtime({
      log: pino({ level: 'debug' }, { write: (line) => void this.log.push(line) }),
      keyboards: ['us', 'pt'],
      display: {
        pcName: 'lab-7',
        version: '0.1.0',
        server,
        serverName: undefined,
        language: 'en',
        keyboard: 'us',
        configProblems: [],
        loginProblem: undefined,
        notice: undefined,
      },
      outside: {
        client,
        tellShell: (command) => {
          this.shell.push(command);
          return true;
        },
        machineFacts: async () => MACHINE,
        host: {
          connect: () => void this.hosted.push('connect'),
          disconnect: () => void this.hosted.push('disconnect'),
          ticket: async (desktop) => {
            this.hosted.push(`ticket ${desktop}`);
            return { host: '127.0.0.1', port: 5900, password: 'here' };
          },
          shutDownHere: async () => {
            this.hosted.push('shut down');
            this.runtime.hereIs(NOTHING_HERE);
          },
        },
        listDisks: async () => [],
        confirmDisk: (desktop, disk) => void this.hosted.push(`confirmed ${desktop} ${disk.serial}`),
        forgetConfirmations: () => void this.hosted.push('forget'),
        tunnelUp: async (config) => {
          this.tunnel = config;
        },
        tunnelDown: async () => {
          this.tunnel = undefined;
        },
        setKeyboard: async (layout) => void this.done.push(`keyboard ${layout}`),
        power: async (action) => void this.done.push(action),
        publish: (state: KioskState) => void this.screens.push(state.screen),
        onFirstFrame: () => void this.done.push('first frame'),
      },
    });
    this.runtime.shellConnected(true);
    this.runtime.networkIs({ kind: 'up', addresses: ['192.168.1.20'] });
  }

  get screen(): Screen {
    return this.runtime.state.screen;
  }

  /** Waits, at most 8 s, until the screen is as told; returns it. */
  async until<K extends Screen['kind']>(
    kind: K,
    fits: (screen: Extract<Screen, { kind: K }>) => boolean = () => true,
  ): Promise<Extract<Screen, { kind: K }>> {
    for (const end = Date.now() + 8_000; Date.now() < end; await sleep(10)) {
      const { screen } = this;
      if (screen.kind === kind && fits(screen as Extract<Screen, { kind: K }>))
        return screen as Extract<Screen, { kind: K }>;
    }
    throw new Error(`waited for ${kind}, the screen is ${JSON.stringify(this.screen)}`);
  }

  async waitFor(what: string, condition: () => boolean): Promise<void> {
    for (const end = Date.now() + 8_000; Date.now() < end; await sleep(10)) if (condition()) return;
    throw new Error(`waited for ${what}`);
  }

  async logIn(user = 'maria', password = PASSWORD): Promise<void> {
    await this.until('login', (s) => !s.busy);
    this.runtime.command({ do: 'logIn', user, password });
  }

  /** From the list to a picture. */
  async use(): Promise<void> {
    const { desktops } = await this.until('desktops', (s) => s.desktops.length > 0);
    const before = this.shell.length;
    this.runtime.command({ do: 'openDesktop', id: desktops[0]?.id ?? '' });
    await this.waitFor('openViewer', () => this.shell.slice(before).some((c) => c.do === 'openViewer'));
    await this.picture();
  }

  /** What the shell was told about pictures, without the words on the tab. */
  get pictures(): string[] {
    return this.shell.flatMap((c) => (c.do === 'openViewer' ? [`open ${c.host}`] : c.do === 'setTab' ? [] : [c.do]));
  }

  async picture(): Promise<void> {
    await this.waitFor('a viewer', () => this.runtime.facts.viewer.kind === 'opening');
    this.runtime.shellSays({ event: 'viewerConnected' });
    this.runtime.shellSays({ event: 'firstFrame' });
    await this.until('inUse');
  }
}

/** As much of a tap test as is needed to clean up after it. */
export interface Teardown {
  teardown(fn: () => unknown): void;
}

/** A PC that is taken down when the test ends. */
export function pc(t: Teardown, server: string | undefined, ca: string): Pc {
  const made = new Pc(server, ca);
  t.teardown(() => made.runtime.stop());
  return made;
}
