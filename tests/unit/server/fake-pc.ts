/** A PC that logs in at a real server and opens its host link; it answers calls as it is told to. */
import { once } from 'node:events';
import WebSocket from 'ws';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import { LoggedIn, type MachineFacts } from '#common/protocol/client-server.ts';
import type { HostCallName, MachineState } from '#common/protocol/host-link.ts';
import { PASSWORD, type TestServer, wireGuardKey } from './start.ts';

export const DISK_A = { serial: 'DISK-A', wwn: '', model: 'Test', bytes: 1_000_000_000 };
export const DISK_B = { serial: 'DISK-B', wwn: 'eui.1', model: 'Test', bytes: 1_000_000_000 };

export function machineFacts(uuid: string, name: string): MachineFacts {
  return {
    ...{ uuid, name, firmware: 'uefi', secureBoot: false, cpuModel: 'Test', cpus: 4, kvm: true },
    ...{ memoryKiB: 8_000_000, macs: ['00:16:3e:00:00:01'], version: '1' },
    disks: [
      { name: 'sda', ...DISK_A, removable: false },
      { name: 'sdb', ...DISK_B, removable: false },
      { name: 'sdc', serial: 'STICK', wwn: '', model: 'Stick', bytes: 8_000_000_000, removable: true },
      { name: 'sdd', serial: 'SMALL', wwn: '', model: 'Small', bytes: 1000, removable: false },
    ],
  };
}

export class FakePc {
  readonly client: PinnedClient;
  readonly login: LoggedIn;
  /** What was asked of it, in order. */
  readonly calls: { call: HostCallName; args: Record<string, unknown> }[] = [];
  attached: string | undefined;
  machine: MachineState = { kind: 'none' };
  /** Instead of the usual answer, which `undefined` gives; may throw, or be awaited. */
  answers: Partial<Record<HostCallName, (args: Record<string, unknown>) => unknown>> = {};
  #socket: WebSocket | undefined;
  #disk = DISK_A;

  private constructor(client: PinnedClient, login: LoggedIn) {
    this.client = client;
    this.login = login;
  }

  static async logIn(test: TestServer, user: string, uuid: string, name = `pc-${uuid.slice(0, 2)}`): Promise<FakePc> {
    const client = test.client();
    const body = { user, password: PASSWORD, tunnelPublicKey: wireGuardKey(), machine: machineFacts(uuid, name) };
    const login = await client.call({ method: 'POST', path: '/sessions', body, answer: LoggedIn });
    client.token = login.token;
    return new FakePc(client, login);
  }

  async connect(test: TestServer): Promise<void> {
    const socket = openHostLink(test, this.login.token);
    this.#socket = socket;
    socket.on('message', (data) => void this.#answer(socket, String(data)));
    await once(socket, 'open');
  }

  /** Says something without being asked. */
  say(text: unknown): void {
    this.#socket?.send(typeof text === 'string' || text instanceof Uint8Array ? text : JSON.stringify(text));
  }

  async closed(): Promise<string> {
    if (!this.#socket) return '';
    const [, reason] = await once(this.#socket, 'close');
    return String(reason);
  }

  disconnect(): void {
    this.#socket?.terminate();
  }

  names(): string[] {
    return this.calls.map((c) => c.call).filter((c) => c !== 'inspect');
  }

  async #answer(socket: WebSocket, text: string): Promise<void> {
    const { id, call, args } = JSON.parse(text);
    this.calls.push({ call, args });
    try {
      const given = await this.answers[call as HostCallName]?.(args);
      socket.send(JSON.stringify({ id, answer: given ?? this.#usual(call, args) }));
    } catch (error) {
      socket.send(JSON.stringify({ id, error: { message: (error as Error).message } }));
    }
  }

  #usual(call: HostCallName, args: Record<string, unknown>): unknown {
    const localHost = { kvm: true, memoryFreeMiB: 8000, missingCpuFeatures: [] };
    switch (call) {
      case 'inspect':
        return {
          localHost,
          ...(this.attached !== undefined && {
            attached: { desktop: this.attached, disk: this.#disk, machine: this.machine, generation: 0 },
          }),
        };
      case 'attach':
        this.attached = (args.desktop as { id: string }).id;
        this.#disk = args.disk as typeof DISK_A;
        return { metadata: 'new', why: 'there was none' };
      case 'detach':
        this.attached = undefined;
        return {};
      default:
        return {};
    }
  }
}

export function openHostLink(test: TestServer, token: string): WebSocket {
  return new WebSocket(`wss://127.0.0.1:${test.server.port}/api/v1/host`, {
    rejectUnauthorized: false,
    headers: { authorization: `Bearer ${token}` },
  });
}
