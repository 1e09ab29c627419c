/**
 * The seam inside the server process. The front half (API, accounts, database) knows what should exist and who may
 * use it; the back half (disks, virtual machines, tunnel, firewall) makes it so. They meet in this one interface.
 */
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { DrbdEnd } from '#common/drbd/resource.ts';
import { UserError } from '#common/errors.ts';
import type { DesktopHost } from '#common/hosting/host.ts';
import type { ErrorCode, TunnelConfig, ViewerTicket } from '#common/protocol/client-server.ts';
import type { DesktopState, Firmware } from '#common/protocol/desktop.ts';
import type { Baseline, DrbdStatus, MachineState } from '#common/protocol/host-link.ts';

/** What the back half has to know of a desktop. The database of the front half is where it is kept. */
export interface DesktopRecord {
  /** 16 hexadecimal digits, for ever; goes into LV and unit names. */
  id: string;
  name: string;
  owner: string;
  /** Name of the golden image its disk was cloned from. */
  image: string;
  firmware: Firmware;
  memoryMiB: number;
  cpus: number;
  diskBytes: number;
  /** Number of its DRBD device, 1 and up, for ever. */
  minor: number;
}

export interface ImportRequest {
  name: string;
  firmware: Firmware;
  /** Lower-case hex SHA-256 of the file as sent; the import fails with `bad_request` when it does not match. */
  sha256: string;
  /** qcow2 or raw file, found out by its first bytes. May end in an error (the sender went away): clean up then. */
  body: Readable;
  /** Length of `body` if the sender told it. */
  bytes?: number;
  /** Called now and then with the bytes of `body` consumed so far. */
  onProgress(bytes: number): void;
}

export interface TunnelRequest {
  sessionId: string;
  publicKey: string;
  /** Address inside the tunnel to give again: a session that was there before a restart. */
  address?: string;
}

/** A PC that a desktop's disk is attached to, as far as the firewall is concerned. */
export interface PeerAccess {
  /** Its address inside the tunnel. */
  address: string;
  /** Its DRBD may reach ours. */
  drbd: boolean;
  /** The desktop may be sent from there to here. */
  incoming: boolean;
  /** The desktop may be sent from here to this port there. */
  outgoingPort?: number;
}

/**
 * A failure that the person who asked should hear about, with the code it gets in the API:
 * `conflict` (not possible in this state), `unavailable` (no space, no memory, not ready), `bad_request`, `not_found`.
 */
export class HostingError extends UserError {
  readonly code: Extract<ErrorCode, 'conflict' | 'unavailable' | 'bad_request' | 'not_found'>;

  constructor(code: HostingError['code'], message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options);
    this.name = 'HostingError';
    this.code = code;
  }
}

/** Something that keeps this server from doing its work, for its console and the administrator. */
export interface HostingProblem {
  problem: string;
  hint?: string;
}

/** Expected failures are {@link HostingError}s; anything else that is thrown is a bug and becomes a 500. */
export interface Hosting {
  /**
   * Called once, before anything else, with what the database knows: find running desktops again, watch them, and
   * bring the tunnel to exactly `tunnels`. Disks that are not listed are left alone (and logged), never deleted.
   */
  recover(known: { desktops: DesktopRecord[]; tunnels: Required<TunnelRequest>[] }): Promise<void>;

  /** What does not work on this machine, and why; empty when all is well. */
  problems(): Promise<HostingProblem[]>;

  /** What is known now, without waiting. `off` for an id that is not known. */
  desktopState(id: string): DesktopState;
  /** `listener` is called after a desktop's state changed (also because its process died). Returns: stop listening. */
  onChange(listener: (id: string) => void): () => void;

  /** Makes the disk. Not started. Leaves nothing behind when it fails. */
  create(desktop: DesktopRecord): Promise<void>;
  /** Resolves as soon as it is starting (state `starting`); no effect when it already runs. */
  start(desktop: DesktopRecord): Promise<void>;
  /** Asks the guest to shut down (ACPI); resolves when asked. No effect when it is off. */
  shutDown(id: string): Promise<void>;
  /** Cuts its power; resolves when it is off. No effect when it is off. */
  forceOff(id: string): Promise<void>;
  /** Forces off and deletes the disk. Idempotent: also for an id that was never, or only half, made. */
  remove(id: string): Promise<void>;

  /**
   * This server as a host of desktops. `configure` brings a desktop's DRBD resource up with a text (volumes and metadata
   * that are missing are made), and connects again; `attach` and `detach` are refused, since the disk is always here.
   */
  readonly host: DesktopHost;
  /** What runs here, without waiting. `none` also for an id that is not known. */
  machineState(id: string): MachineState;
  /** The server's end of a desktop's resource, as last heard; undefined: it is not up. */
  drbdStatus(id: string): DrbdStatus | undefined;
  /** The server's end, for the resource's text. */
  drbdEnd(desktop: DesktopRecord): DrbdEnd;
  /** Host's end of the guest agent's serial port; there while the machine runs here. */
  agentSocket(id: string): string;
  /** What the PC that a desktop is attached to may reach. Replaces what it was; undefined: nothing. */
  allowPeer(id: string, peer: PeerAccess | undefined): Promise<void>;
  /**
   * Gives this server's copy up because a PC holds a newer one: the text is put in force with new metadata, so that
   * everything comes from the PC. What was here is kept until the copy is whole again. Idempotent.
   */
  discardOwn(desktop: DesktopRecord, resource: string): Promise<void>;
  /**
   * For the first sync to a disk that is made zero: where it begins. The server's end begins its connection anew, and what
   * a PC has saved fits no more. undefined: everything has to be looked at.
   */
  baselineOf(desktop: DesktopRecord): Promise<Baseline | undefined>;
  /** The newer copy will never come: back to what {@link discardOwn} kept. No effect when nothing was kept. */
  restoreOwn(desktop: DesktopRecord): Promise<void>;

  /** A one-time ticket for a running desktop, usable from this tunnel address only. `conflict` when it is not running. */
  ticketFor(id: string, peerAddress: string): Promise<ViewerTicket>;

  /** Consumes the whole body with backpressure; leaves nothing behind when it fails. `sha256` is of the raw disk. */
  importImage(request: ImportRequest): Promise<{ diskBytes: number; sha256: string }>;
  /** Idempotent: also for a name that was never, or only half, imported. */
  removeImage(name: string): Promise<void>;

  openTunnel(request: TunnelRequest): Promise<TunnelConfig>;
  /** Takes the peer down, with its firewall openings and viewers. Idempotent. */
  closeTunnel(sessionId: string): Promise<void>;
  /** `listener` is called when a tunnel has had no handshake for too long; the front half then ends the session. */
  onTunnelDead(listener: (sessionId: string) => void): () => void;

  /** Stops watching. Desktops and tunnels stay as they are: a restart of this process must not touch them. */
  close(): Promise<void>;
}

/** What the back half is made with; `server/desktops/open.ts` exports `openHosting(options): Promise<Hosting>`. */
export interface HostingOptions {
  /** Durable state: /var/lib/flexdeploy. The back half keeps its own things in folders below. */
  stateFolder: string;
  /** State until the next boot: /run/flexdeploy. */
  runtimeFolder: string;
  /** TCP port of the API, which the firewall has to leave open. */
  apiPort?: number;
  log: Logger;
}
