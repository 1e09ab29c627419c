/**
 * The conversation between the runtime (a Node process, root, on the PC) and what the person sees:
 * - the kiosk page (WebKit), over a WebSocket at `/kiosk` of the runtime's local HTTP server: runtime sends
 *   `KioskState` whole, whenever it changes; the page sends `KioskCommand`.
 * - the shell (gjs: the window that holds the page and the SPICE display), one JSON object a line over a UNIX socket:
 *   runtime sends `ShellCommand`, the shell sends `ShellEvent`.
 */
import { type Static, Type } from 'typebox';
import { Desktop, DiskIdentity } from '#common/protocol/desktop.ts';

export const Language = Type.Union([Type.Literal('en'), Type.Literal('pt')]);
export type Language = Static<typeof Language>;

/** One thing that is wrong with flexdeploy.json. The rest of the file still counts. */
export const ConfigProblem = Type.Object({
  key: Type.String({ description: 'path of the key, or empty when the file as a whole is broken' }),
  problem: Type.String({ description: 'what is wrong, with the value found' }),
  allowed: Type.String({ description: 'what is allowed there' }),
});
export type ConfigProblem = Static<typeof ConfigProblem>;

/** Why there is no server on the line. `detail` is the technical reason, shown small. */
export const LinkProblem = Type.Union([
  Type.Object({ kind: Type.Literal('noServerConfigured') }),
  Type.Object({ kind: Type.Literal('noNetworkCard') }),
  Type.Object({ kind: Type.Literal('noCable') }),
  Type.Object({ kind: Type.Literal('noAddress') }),
  Type.Object({ kind: Type.Literal('nameNotFound'), host: Type.String() }),
  Type.Object({ kind: Type.Literal('unreachable'), host: Type.String(), detail: Type.String() }),
  Type.Object({
    kind: Type.Literal('wrongCertificate'),
    host: Type.String(),
    expected: Type.String(),
    found: Type.String(),
  }),
  Type.Object({ kind: Type.Literal('notFlexDeploy'), host: Type.String(), detail: Type.String() }),
]);
export type LinkProblem = Static<typeof LinkProblem>;

export const LoginProblem = Type.Union([
  Type.Object({ kind: Type.Literal('wrongLogin') }),
  Type.Object({ kind: Type.Literal('lockedOut'), until: Type.Number({ description: 'ms since the epoch' }) }),
  Type.Object({
    kind: Type.Literal('sessionEnded'),
    reason: Type.Union([Type.Literal('expired'), Type.Literal('revoked'), Type.Literal('replaced')]),
  }),
  Type.Object({ kind: Type.Literal('failed'), detail: Type.String() }),
]);
export type LoginProblem = Static<typeof LoginProblem>;

/** What the list tells about the desktop that was just left, or could not be opened. */
export const Notice = Type.Union([
  Type.Object({ kind: Type.Literal('desktopShutDown'), desktop: Type.String() }),
  Type.Object({ kind: Type.Literal('desktopFailed'), desktop: Type.String(), reason: Type.String() }),
  Type.Object({ kind: Type.Literal('couldNotOpen'), desktop: Type.String(), reason: Type.String() }),
  Type.Object({ kind: Type.Literal('didNotWork'), desktop: Type.String(), reason: Type.String() }),
]);
export type Notice = Static<typeof Notice>;

/** Why a disk cannot carry a desktop. */
export const DiskReason = Type.Union([
  Type.Object({ kind: Type.Literal('bootMedium') }),
  Type.Object({ kind: Type.Literal('removable') }),
  Type.Object({ kind: Type.Literal('noName') }),
  Type.Object({ kind: Type.Literal('twin') }),
  Type.Object({ kind: Type.Literal('changing') }),
  Type.Object({ kind: Type.Literal('readOnly') }),
  Type.Object({ kind: Type.Literal('sectorSize'), bytes: Type.Integer() }),
  Type.Object({ kind: Type.Literal('tooSmall'), needed: Type.Integer({ description: 'bytes' }) }),
  Type.Object({ kind: Type.Literal('inUse'), by: Type.String() }),
  Type.Object({ kind: Type.Literal('failing') }),
]);
export type DiskReason = Static<typeof DiskReason>;

/** What is on a disk, found by reading only. Sizes are bytes. */
export const DiskContents = Type.Object({
  table: Type.String({ description: 'gpt, dos, or empty: no partition table' }),
  systems: Type.Array(Type.String({ description: 'Windows, Debian GNU/Linux 13 (trixie), …' })),
  partitions: Type.Array(
    Type.Object({
      bytes: Type.Integer(),
      fileSystem: Type.String({ description: 'ext4, ntfs, …; empty: none known' }),
      label: Type.String(),
      type: Type.String({ description: 'of the partition, in words' }),
    }),
  ),
});
export type DiskContents = Static<typeof DiskContents>;

/** A disk of this PC, as a person chooses it. */
export const DiskChoice = Type.Object({
  disk: DiskIdentity,
  name: Type.String({ description: 'kernel name, for display only' }),
  contents: DiskContents,
  reason: Type.Optional(DiskReason),
});
export type DiskChoice = Static<typeof DiskChoice>;

/** Why something is not possible now. `told`: in the server's own words. */
export const Why = Type.Union([
  Type.Object({ kind: Type.Literal('serverLost') }),
  Type.Object({ kind: Type.Literal('notRunning') }),
  Type.Object({ kind: Type.Literal('notReady') }),
  Type.Object({ kind: Type.Literal('otherPc'), name: Type.String() }),
  Type.Object({ kind: Type.Literal('otherDesktop'), name: Type.String() }),
  Type.Object({ kind: Type.Literal('told'), text: Type.String() }),
]);
export type Why = Static<typeof Why>;

const Possible = Type.Object({ why: Type.Optional(Why) }, { description: 'greyed with the reason, if there is one' });

/** Where a desktop is, seen from this PC, and what the person can do about it here. */
export const Offer = Type.Object({
  place: Type.Union([
    Type.Object({ kind: Type.Literal('server') }),
    Type.Object({ kind: Type.Literal('here') }),
    Type.Object({ kind: Type.Literal('otherPc'), name: Type.String(), reachable: Type.Boolean() }),
  ]),
  copy: Type.Union([Type.Literal('none'), Type.Literal('here'), Type.Literal('elsewhere')]),
  keepCopy: Type.Optional(Possible),
  moveHere: Type.Optional(Possible),
  moveToServer: Type.Optional(Possible),
});
export type Offer = Static<typeof Offer>;

/** How far it is with leaving this PC while a desktop is kept on it. Percent are 0 to 100. */
export const LeavingStep = Type.Union([
  Type.Object({ kind: Type.Literal('moving'), percent: Type.Number() }),
  Type.Object({
    kind: Type.Literal('syncing'),
    percent: Type.Number(),
    bytesLeft: Type.Integer(),
    secondsLeft: Type.Optional(Type.Integer()),
  }),
  Type.Object({ kind: Type.Literal('finishing') }),
  Type.Object({ kind: Type.Literal('shuttingDown') }),
  Type.Object({ kind: Type.Literal('asking'), why: Why }),
]);
export type LeavingStep = Static<typeof LeavingStep>;

const GoingAway = Type.Union([Type.Literal('logOut'), Type.Literal('powerOff'), Type.Literal('restart')]);
export type GoingAway = Static<typeof GoingAway>;

export const Screen = Type.Union([
  Type.Object({ kind: Type.Literal('starting') }),
  Type.Object({
    kind: Type.Literal('noServer'),
    problem: LinkProblem,
    nextTryAt: Type.Number({ description: 'ms since the epoch; 0: nothing is scheduled, a change is noticed at once' }),
  }),
  Type.Object({ kind: Type.Literal('login'), busy: Type.Boolean(), problem: Type.Optional(LoginProblem) }),
  Type.Object({
    kind: Type.Literal('desktops'),
    userName: Type.String(),
    desktops: Type.Array(Desktop),
    offers: Type.Record(Type.String(), Offer, { description: 'by the id of the desktop' }),
    notice: Type.Optional(Notice),
  }),
  Type.Object({
    kind: Type.Literal('disks'),
    desktop: Type.Object({ id: Type.String(), name: Type.String(), bytes: Type.Integer() }),
    disks: Type.Optional(Type.Array(DiskChoice, { description: 'absent: still looking' })),
    busy: Type.Boolean({ description: 'the chosen disk is being set up' }),
    problem: Type.Optional(Type.String({ description: 'why the last try did not work' })),
  }),
  Type.Object({
    kind: Type.Literal('opening'),
    desktop: Type.String(),
    step: Type.String(),
    since: Type.Number(),
    dark: Type.Boolean({ description: 'it runs and is connected, but its screen shows nothing yet' }),
  }),
  Type.Object({ kind: Type.Literal('inUse'), desktop: Type.String() }),
  Type.Object({
    kind: Type.Literal('serverLost'),
    since: Type.Number({ description: 'ms since the epoch' }),
    problem: LinkProblem,
    desktop: Type.Optional(Type.String({ description: 'comes back by itself when the server does' })),
    here: Type.Optional(
      Type.Object({ id: Type.String(), name: Type.String() }, { description: 'runs on this PC, and can be used' }),
    ),
  }),
  Type.Object({
    kind: Type.Literal('leaving'),
    action: GoingAway,
    desktop: Type.String(),
    step: LeavingStep,
  }),
  Type.Object({
    kind: Type.Literal('goingDown'),
    action: Type.Union([Type.Literal('powerOff'), Type.Literal('restart')]),
  }),
]);
export type Screen = Static<typeof Screen>;

export const KioskState = Type.Object({
  pcName: Type.String(),
  addresses: Type.Array(Type.String()),
  version: Type.String(),
  server: Type.Optional(Type.String({ description: 'host[:port] from the configuration' })),
  serverName: Type.Optional(Type.String()),
  language: Language,
  keyboard: Type.String({ description: 'XKB layout in use: us, pt, br, …' }),
  keyboards: Type.Array(Type.String(), { description: 'the layouts one can switch to' }),
  configProblems: Type.Array(ConfigProblem),
  screen: Screen,
});
export type KioskState = Static<typeof KioskState>;

export const KioskCommand = Type.Union([
  Type.Object({ do: Type.Literal('logIn'), user: Type.String(), password: Type.String() }),
  Type.Object({ do: Type.Literal('logOut') }),
  Type.Object({ do: Type.Literal('openDesktop'), id: Type.String() }),
  Type.Object({ do: Type.Literal('cancelOpening') }),
  Type.Object({ do: Type.Literal('shutDownDesktop'), id: Type.String() }),
  Type.Object({ do: Type.Literal('showPicture') }),
  Type.Object({ do: Type.Literal('chooseDisk'), id: Type.String() }),
  Type.Object({ do: Type.Literal('lookAgain') }),
  Type.Object({ do: Type.Literal('workRemotely') }),
  Type.Object({ do: Type.Literal('keepCopy'), id: Type.String(), disk: DiskIdentity }),
  Type.Object({ do: Type.Literal('pauseCopy'), id: Type.String() }),
  Type.Object({ do: Type.Literal('resumeCopy'), id: Type.String() }),
  Type.Object({ do: Type.Literal('stopCopy'), id: Type.String() }),
  Type.Object({
    do: Type.Literal('move'),
    id: Type.String(),
    to: Type.Union([Type.Literal('pc'), Type.Literal('server')]),
  }),
  Type.Object({ do: Type.Literal('cancelMove'), id: Type.String() }),
  Type.Object({ do: Type.Literal('stay') }),
  Type.Object({ do: Type.Literal('leaveAnyway') }),
  Type.Object({ do: Type.Literal('retryNow') }),
  Type.Object({ do: Type.Literal('dismissNotice') }),
  Type.Object({ do: Type.Literal('setLanguage'), language: Language }),
  Type.Object({ do: Type.Literal('setKeyboard'), keyboard: Type.String() }),
  Type.Object({ do: Type.Literal('powerOff') }),
  Type.Object({ do: Type.Literal('restart') }),
]);
export type KioskCommand = Static<typeof KioskCommand>;

/** What the tab over a desktop shows besides the way back, in the language in use. */
export const Tab = Type.Object({
  status: Type.String({ description: 'a line inside the tab, may be empty' }),
  notice: Type.String({ description: 'to be seen without opening the tab, may be empty' }),
  action: Type.Optional(Type.Object({ name: Type.String(), label: Type.String() })),
});
export type Tab = Static<typeof Tab>;

export const ShellCommand = Type.Union([
  Type.Object({
    do: Type.Literal('openViewer'),
    host: Type.String(),
    port: Type.Integer(),
    password: Type.String(),
    title: Type.String({ description: "the desktop's name, on the tab at the top edge" }),
    backLabel: Type.String({ description: 'text of the button that leads back to the list, in the language in use' }),
  }),
  Type.Object({ do: Type.Literal('closeViewer') }),
  /** Shows the desktop's screen although it is dark. */
  Type.Object({ do: Type.Literal('showPicture') }),
  Type.Object({ do: Type.Literal('setTab'), ...Tab.properties }),
]);
export type ShellCommand = Static<typeof ShellCommand>;

export const ShellEvent = Type.Union([
  Type.Object({ event: Type.Literal('ready') }),
  Type.Object({ event: Type.Literal('pageLoaded') }),
  Type.Object({ event: Type.Literal('viewerConnected') }),
  Type.Object({ event: Type.Literal('firstFrame') }),
  Type.Object({
    event: Type.Literal('dark'),
    dark: Type.Boolean({ description: "the desktop's screen shows nothing: the page is seen instead" }),
  }),
  Type.Object({ event: Type.Literal('tabAction'), name: Type.String() }),
  Type.Object({
    event: Type.Literal('viewerClosed'),
    reason: Type.Union([
      Type.Literal('back'),
      Type.Literal('disconnected'),
      Type.Literal('wrongTicket'),
      Type.Literal('unreachable'),
    ]),
    detail: Type.Optional(Type.String()),
  }),
]);
export type ShellEvent = Static<typeof ShellEvent>;
