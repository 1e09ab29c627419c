/**
 * The conversation between the server and a PC that hosts (or may host) a desktop: one WebSocket, `/api/v1/host`, opened
 * by the PC with its session's token as soon as its tunnel is up. The server calls, the PC answers; besides, the PC
 * tells what changes. Everything that decides is on the server (it knows the holder); the PC checks every call against
 * its disk guard and its own state, and refuses what it cannot prove to be right.
 *
 * Calls are answered in any order; an answer carries the call's id. A call that is repeated after a lost connection
 * finds its work done: every one is idempotent.
 */
import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { DiskIdentity } from './desktop.ts';
import { closed, Id } from './values.ts';

const Port = Type.Integer({ minimum: 1, maximum: 65535 });

/** What a host has to know to run a desktop. */
export const HostedDesktop = Type.Object({
  id: Id,
  name: Type.String({ maxLength: 64 }),
  owner: Type.String({ maxLength: 64 }),
  firmware: Type.Union([Type.Literal('bios'), Type.Literal('uefi')]),
  memoryMiB: Type.Integer({ minimum: 128 }),
  cpus: Type.Integer({ minimum: 1 }),
  diskBytes: Type.Integer({ minimum: 1 }),
});
export type HostedDesktop = Static<typeof HostedDesktop>;

/**
 * Proof that nobody wrote to a disk since a moment: hashes over what every system touches (partition tables, file-system
 * superblocks and journals) and over a keyed sample of blocks. Made and compared by the PC; opaque to the server.
 */
export const Fingerprint = Type.Object({
  version: Type.Literal(1),
  /** Hex; the key of the sample, new each time, so that nothing can be built to pass. */
  key: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** Hex SHA-256 over identity, size, structures and sample. */
  hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** What went into it, for the log: `gpt`, `ext4 p3`, `sample 2048`. */
  parts: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 }),
});
export type Fingerprint = Static<typeof Fingerprint>;

/** DRBD metadata of the PC's end when it left cleanly: `drbdmeta dump-md` text after `apply-al`. */
export const SavedMetadata = Type.Object({
  dump: Type.String({ maxLength: 32 * 1024 * 1024 }),
  fingerprint: Fingerprint,
});
export type SavedMetadata = Static<typeof SavedMetadata>;

/**
 * Where a first sync begins, so that only what may hold something is copied: the server's end has noted all writes since
 * `uuid` (the data's generation, DRBD's bitmap UUID), and held nothing but zeros outside of `used` then.
 */
export const Baseline = Type.Object({
  uuid: Type.String({ pattern: '^[0-9A-F]{16}$' }),
  /** Ascending, in whole MiB. */
  used: Type.Array(Type.Object({ from: Type.Integer({ minimum: 0 }), bytes: Type.Integer({ minimum: 1 }) }), {
    maxItems: 1_000_000,
  }),
});
export type Baseline = Static<typeof Baseline>;

/** Why the disk may be written. The PC's guard checks each in its own way. */
export const Consent = Type.Union([
  Type.Object({
    kind: Type.Literal('person'),
    note: Type.String({ description: 'confirmed at this PC, in this session' }),
  }),
  Type.Object({ kind: Type.Literal('pinned') }),
  Type.Object({ kind: Type.Literal('holdsThisDesktop'), description: Type.Optional(Type.String()) }),
]);
export type Consent = Static<typeof Consent>;

/** One end's view of the DRBD resource, from `events2`. Sizes are KiB, as DRBD tells them. */
export const DrbdStatus = Type.Object({
  role: Type.Union([Type.Literal('Primary'), Type.Literal('Secondary'), Type.Literal('Unknown')]),
  disk: Type.String({ description: 'UpToDate, Inconsistent, Outdated, Diskless, …' }),
  connection: Type.String({ description: 'Connected, Connecting, StandAlone, …' }),
  replication: Type.String({ description: 'Established, SyncSource, SyncTarget, Ahead, Behind, PausedSyncS, …; Off' }),
  peerRole: Type.String(),
  peerDisk: Type.String(),
  outOfSyncKiB: Type.Integer({ minimum: 0 }),
  resyncKiB: Type.Optional(
    Type.Integer({ minimum: 0, description: 'what the resync that is under way began with; 0: not known' }),
  ),
  receivedKiB: Type.Integer({ minimum: 0 }),
  sentKiB: Type.Integer({ minimum: 0 }),
  writtenKiB: Type.Integer({ minimum: 0 }),
  readKiB: Type.Integer({ minimum: 0 }),
  suspended: Type.Boolean({ description: 'I/O waits for the peer' }),
});
export type DrbdStatus = Static<typeof DrbdStatus>;

/** A desktop's QEMU on a host. `incoming`: waits for a migration. `arrived`: everything is there, not yet let go. */
export const MachineState = Type.Union([
  Type.Object({ kind: Type.Literal('none') }),
  Type.Object({ kind: Type.Literal('incoming') }),
  Type.Object({ kind: Type.Literal('arrived') }),
  Type.Object({ kind: Type.Literal('running'), since: Type.String() }),
  Type.Object({ kind: Type.Literal('migrating') }),
  Type.Object({ kind: Type.Literal('sent'), description: Type.Optional(Type.String()) }),
  Type.Object({ kind: Type.Literal('failed'), reason: Type.String() }),
]);
export type MachineState = Static<typeof MachineState>;

export const MigrationProgress = Type.Object({
  phase: Type.Union([
    Type.Literal('setup'),
    Type.Literal('active'),
    Type.Literal('switchover'),
    Type.Literal('completed'),
  ]),
  totalBytes: Type.Integer({ minimum: 0 }),
  remainingBytes: Type.Integer({ minimum: 0 }),
  transferredBytes: Type.Integer({ minimum: 0 }),
});
export type MigrationProgress = Static<typeof MigrationProgress>;

export const MigrationResult = Type.Object({
  downtimeMs: Type.Number({ minimum: 0 }),
  totalMs: Type.Number({ minimum: 0 }),
  transferredBytes: Type.Integer({ minimum: 0 }),
  /** Most of its processor's time that was taken from the desktop, so that it could be copied at all. */
  throttlePercent: Type.Integer({ minimum: 0, maximum: 100 }),
});
export type MigrationResult = Static<typeof MigrationResult>;

const One = Type.Object({ desktop: Id });
const Nothing = Type.Object({});

/** Everything the server can ask of a host, with the answer. The same list is what `DesktopHost` offers in code. */
export const HostCalls = {
  /** Facts about what is there now; the first call after every connect. */
  inspect: {
    args: Nothing,
    answer: Type.Object({
      /** undefined: no desktop's disk is attached here. */
      attached: Type.Optional(
        Type.Object({
          desktop: Id,
          disk: DiskIdentity,
          drbd: Type.Optional(DrbdStatus),
          machine: MachineState,
          /** The counter this host was last told; in memory only. */
          generation: Type.Integer({ minimum: 0 }),
        }),
      ),
      localHost: Type.Object({
        kvm: Type.Boolean(),
        memoryFreeMiB: Type.Integer(),
        missingCpuFeatures: Type.Array(Type.String()),
      }),
    }),
  },
  /**
   * Guard the disk, put the size-limited device over it, make or restore the metadata, bring DRBD up and connect.
   * `resource` is the whole resource file, the same text as on the server. `source: pc`: this disk is the newest.
   * `baseline`: for a disk of which nothing is known, and taken only where it is quickly made zero.
   */
  attach: {
    args: Type.Object({
      desktop: HostedDesktop,
      resource: Type.String({ maxLength: 65536 }),
      disk: DiskIdentity,
      consent: Consent,
      source: Type.Union([Type.Literal('server'), Type.Literal('pc')]),
      saved: Type.Optional(SavedMetadata),
      baseline: Type.Optional(Baseline),
      generation: Type.Integer({ minimum: 0 }),
    }),
    answer: Type.Object({
      metadata: Type.Union([Type.Literal('new'), Type.Literal('restored'), Type.Literal('kept')]),
      why: Type.String({ description: 'why the saved metadata was, or was not, taken' }),
    }),
  },
  /** An attach that makes its disk zero still is broken off, and fails; any other one goes on. */
  cancelAttach: { args: One, answer: Nothing },
  /** A new text of the same resource (protocol, limits, two primaries): written and adjusted. */
  configure: { args: Type.Object({ desktop: Id, resource: Type.String({ maxLength: 65536 }) }), answer: Nothing },
  /** Disconnect, take DRBD down; with `save`, hand over metadata and fingerprint. */
  detach: {
    args: Type.Object({ desktop: Id, save: Type.Boolean() }),
    answer: Type.Object({ saved: Type.Optional(SavedMetadata) }),
  },
  setRole: {
    args: Type.Object({ desktop: Id, role: Type.Union([Type.Literal('primary'), Type.Literal('secondary')]) }),
    answer: Nothing,
  },
  pauseSync: { args: Type.Object({ desktop: Id, paused: Type.Boolean() }), answer: Nothing },
  /** QEMU with `-incoming`, paused when all has arrived. */
  startIncoming: {
    args: Type.Object({ desktop: HostedDesktop }),
    answer: Type.Object({ host: Type.String(), port: Port }),
  },
  /** Resolves when this end has sent everything and stands still; on failure or cancel the machine runs on here. */
  migrateTo: {
    args: Type.Object({
      desktop: Id,
      host: Type.String(),
      port: Port,
      bandwidthKiBps: Type.Optional(Type.Integer({ minimum: 1 })),
      downtimeMs: Type.Integer({ minimum: 1 }),
    }),
    answer: MigrationResult,
  },
  cancelMigration: { args: One, answer: Nothing },
  /** Lets an arrived machine run: the hand-over is written down on the server. */
  letRun: { args: Type.Object({ desktop: Id, generation: Type.Integer({ minimum: 0 }) }), answer: Nothing },
  /** Ends QEMU without asking the guest: an incoming one that is not wanted, or one that was sent away. */
  endMachine: { args: One, answer: Nothing },
  /** Lets a machine that was `sent` run on here: the hand-over did not take place. */
  takeBack: { args: One, answer: Nothing },
  /** The power button / the power cut, for a desktop that runs here. */
  shutDown: { args: One, answer: Nothing },
  /** Starts the machine from its disk (cold), for a holder whose desktop is off. */
  startMachine: { args: Type.Object({ desktop: HostedDesktop }), answer: Nothing },
} as const satisfies Record<string, { args: TObject; answer: TSchema }>;

export type HostCallName = keyof typeof HostCalls;
export type HostArgs<K extends HostCallName> = Static<(typeof HostCalls)[K]['args']>;
export type HostAnswer<K extends HostCallName> = Static<(typeof HostCalls)[K]['answer']>;

/** What a host tells without being asked. */
export const HostNotice = Type.Union([
  Type.Object({ notice: Type.Literal('drbd'), desktop: Id, status: DrbdStatus }),
  Type.Object({ notice: Type.Literal('machine'), desktop: Id, state: MachineState }),
  Type.Object({ notice: Type.Literal('migration'), desktop: Id, progress: MigrationProgress }),
  /** Of the disk that is being attached, so much of what the server has nothing for is zero. */
  Type.Object({ notice: Type.Literal('emptying'), desktop: Id, percent: Type.Number({ minimum: 0, maximum: 100 }) }),
]);
export type HostNotice = Static<typeof HostNotice>;

/** Server to PC. `args` is checked against the call's own schema. */
export const HostRequest = Type.Object({ id: Type.Integer({ minimum: 1 }), call: Type.String(), args: Type.Unknown() });
export type HostRequest = Static<typeof HostRequest>;

/** PC to server: an answer, an error or a notice, and never two of them, so that which it is can be seen by its keys. */
export const HostReply = Type.Union([
  Type.Object({ id: Type.Integer({ minimum: 1 }), answer: Type.Unknown() }, closed),
  Type.Object(
    {
      id: Type.Integer({ minimum: 1 }),
      error: Type.Object({ message: Type.String(), hint: Type.Optional(Type.String()) }),
    },
    closed,
  ),
  HostNotice,
]);
export type HostReply = Static<typeof HostReply>;
