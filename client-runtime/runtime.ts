/**
 * The runtime's heart: keeps the facts, takes what the person wants and what happens outside, plans, and runs the
 * steps. Everything that touches the world is in `executors.ts` and behind {@link Outside}.
 */
import type { Logger } from 'pino';
import { messageOf } from '#common/errors.ts';
import type { PinnedClient } from '#common/http/pinned-client.ts';
import type { MachineFacts, TunnelConfig } from '#common/protocol/client-server.ts';
import type { Desktop, DiskIdentity } from '#common/protocol/desktop.ts';
import { obey } from './commands.ts';
import { type Executors, executors } from './executors/executors.ts';
import {
  type Display,
  type Facts,
  type HereFact,
  type NetworkFact,
  NOTHING_HERE,
  NOTHING_WANTED,
  type OpenViewer,
  type Wanted,
} from './facts.ts';
import type {
  DiskChoice,
  KioskCommand,
  KioskState,
  LinkProblem,
  ShellCommand,
  ShellEvent,
  Tab,
} from './kiosk/protocol.ts';
import { backOffMs, FREEZE_MS, isFollowing, nextDeadline, nextSteps, type Step } from './plan.ts';
import { bringsBack, placeOf } from './plan-copies.ts';
import { kioskState } from './screen.ts';
import { sentence } from './sentences.ts';
import { tabCommand, tabOf } from './tab.ts';

/** This PC as a host of desktops, as far as the runtime uses it. */
export interface HostOutside {
  /** Offers this PC to the server, with the session's token; connects again by itself. */
  connect(tunnel: TunnelConfig): void;
  disconnect(): void;
  /** For the picture of the desktop that runs here. */
  ticket(desktop: string): Promise<{ host: string; port: number; password: string }>;
  shutDownHere(): Promise<void>;
}

/** Everything the runtime does to the PC it runs on. */
export interface Outside {
  /** Undefined when flexdeploy.json names no server. */
  client: PinnedClient | undefined;
  /** Sends to the shell; false when there is none. */
  tellShell(command: ShellCommand): boolean;
  machineFacts(): Promise<MachineFacts>;
  /** Undefined where this PC hosts nothing. */
  host: HostOutside | undefined;
  /** The disks of this PC, for a desktop of so many bytes. */
  listDisks(bytes: number): Promise<DiskChoice[]>;
  /** The person has confirmed that this disk may be overwritten with this desktop; forgotten with the session. */
  confirmDisk(desktop: string, disk: DiskIdentity): void;
  forgetConfirmations(): void;
  tunnelUp(config: TunnelConfig, privateKey: string): Promise<void>;
  tunnelDown(): Promise<void>;
  setKeyboard(layout: string): Promise<void>;
  power(action: 'powerOff' | 'restart'): Promise<void>;
  /** The state for the page, whole, whenever it changed. */
  publish(state: KioskState): void;
  onFirstFrame(): void;
}

export interface RuntimeOptions {
  outside: Outside;
  log: Logger;
  display: Display;
  keyboards: readonly string[];
  now?: () => number;
}

/** A step that failed in a way nobody expected is left alone for this long, in milliseconds. */
const BUG_PAUSE_MS = 3_000;

export class Runtime {
  readonly outside: Outside;
  readonly log: Logger;
  readonly facts: Facts;
  wanted: Wanted = structuredClone(NOTHING_WANTED);
  readonly display: Display;
  /** Of the session's tunnel; never leaves the PC, is gone with the session. */
  tunnelPrivateKey: string | undefined;
  closeEvents: (() => void) | undefined;
  /** Called after every plan, when facts may be different. */
  onPlanned: () => void = () => {};
  readonly now: () => number;
  readonly #keyboards: readonly string[];
  readonly #running = new Map<string, Promise<void>>();
  readonly #paused = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #planned = false;
  #stopped = false;
  #lastState = '';
  #lastTab = '';

  constructor({ outside, log, display, keyboards, now = Date.now }: RuntimeOptions) {
    this.outside = outside;
    this.log = log;
    this.display = display;
    this.now = now;
    this.#keyboards = keyboards;
    this.facts = {
      now: now(),
      network: { kind: 'unknown' },
      server: outside.client ? { kind: 'unknown' } : { kind: 'notConfigured' },
      session: undefined,
      viewer: { kind: 'closed' },
      here: NOTHING_HERE,
      left: undefined,
      shell: false,
      goingDown: false,
    };
  }

  /** Plans again soon, after facts or wishes have changed. */
  changed(): void {
    if (this.#planned || this.#stopped) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      if (!this.#stopped) this.#plan();
    });
  }

  /** The state the page gets now. */
  get state(): KioskState {
    return kioskState(this.facts, this.wanted, this.display, this.#keyboards);
  }

  /** Stops planning, ends the session on the server as far as possible within 2 s, and takes the tunnel down. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.race([executors.logOut({ do: 'logOut' }, this), new Promise((r) => setTimeout(r, 2_000))]);
    await this.outside.tunnelDown();
  }

  networkIs(network: NetworkFact): void {
    const before = this.facts.network;
    this.facts.network = network;
    if (network.kind !== before.kind) this.log.info({ network }, 'network');
    if (network.kind === 'up' && before.kind !== 'up') this.tryNow();
    this.changed();
  }

  command(command: KioskCommand): void {
    obey(command, this);
    this.changed();
  }

  /** What is attached to this PC and runs on it has changed, or its link to the server. */
  hereIs(here: HereFact): void {
    this.facts.here = here;
    this.changed();
  }

  shellConnected(connected: boolean): void {
    this.facts.shell = connected;
    this.#lastTab = '';
    if (!connected) this.#viewerGone('the screen program ended', false);
    this.changed();
  }

  shellSays(event: ShellEvent): void {
    this.log.info({ event: event.event, ...('reason' in event && { reason: event.reason }) }, 'shell');
    const { viewer } = this.facts;
    switch (event.event) {
      case 'ready': // a shell that starts has no viewer
        this.#lastTab = '';
        this.#viewerGone('the screen program started again', false);
        break;
      case 'firstFrame':
        if (viewer.kind === 'opening') this.#shown(viewer);
        break;
      case 'dark':
        if (viewer.kind !== 'closed') viewer.dark = event.dark;
        break;
      case 'tabAction':
        this.#tabAction(event.name);
        break;
      case 'viewerClosed':
        if (event.reason === 'back') this.#back();
        else this.#viewerGone(event.detail ?? VIEWER_ENDS[event.reason], event.reason === 'disconnected');
        break;
      case 'pageLoaded':
      case 'viewerConnected':
        break;
    }
    this.changed();
  }

  /** The server did not answer (properly): tries again by itself, more and more slowly. */
  serverFailed(problem: LinkProblem): void {
    const { server } = this.facts;
    const failures = server.kind === 'failed' ? server.failures + 1 : 1;
    const since = server.kind === 'failed' ? server.since : this.now();
    this.facts.server = { kind: 'failed', problem, since, failures, nextTryAt: this.now() + backOffMs(failures) };
    if (failures === 1) this.log.warn({ problem }, 'no server');
    this.changed();
  }

  /** The event stream has ended, or is known to be dead. */
  eventsClosed(): void {
    const { session } = this.facts;
    if (!session) return;
    session.events = 'closed';
    this.wanted.copies = []; // when the server is back, the person may want something else
    this.closeEvents?.();
    this.closeEvents = undefined;
    // What ran on a server that went away may be started again when it is back.
    if (this.facts.viewer.kind === 'closed') this.#reopenFromScratch();
    this.changed();
  }

  /** A desktop changed, by an event or in the answer to a request. */
  desktopIs(desktop: Desktop): void {
    const { session } = this.facts;
    if (!session?.desktops) return;
    const { left } = this.facts;
    if (left?.desktop === desktop.id && desktop.state.kind === 'running' && desktop.state.viewers === 0)
      this.facts.left = undefined;
    const others = session.desktops.filter((d) => d.id !== desktop.id);
    session.desktops = [...others, desktop].sort((a, b) => a.name.localeCompare(b.name));
    this.changed();
  }

  #plan(): void {
    this.facts.now = this.now();
    if (this.wanted.leaving && bringsBack(this.facts)) this.wanted.leaving.since = this.facts.now;
    for (const step of nextSteps(this.facts, this.wanted)) this.#start(step);
    clearTimeout(this.#timer);
    const paused = [...this.#paused.values()];
    const at = Math.min(nextDeadline(this.facts, this.wanted) ?? Number.POSITIVE_INFINITY, ...paused);
    if (Number.isFinite(at)) this.#timer = setTimeout(() => this.changed(), Math.max(10, at - this.now()));
    this.#tellTab();
    this.onPlanned();
    const state = this.state;
    const text = JSON.stringify(state);
    if (text === this.#lastState) return;
    this.#lastState = text;
    this.outside.publish(state);
  }

  #start(step: Step): void {
    if (step.do === 'waitForDesktop') return;
    const key = 'id' in step ? `${step.do} ${step.id}` : step.do;
    if (this.#running.has(key)) return;
    if ((this.#paused.get(key) ?? 0) > this.now()) return;
    this.#paused.delete(key);
    this.log.info({ step: step.do }, sentence(step, 'en'));
    const done = run(executors, step, this)
      .catch((err) => {
        this.log.error({ err, step: step.do }, `failed: ${messageOf(err)}`);
        this.#paused.set(key, this.now() + BUG_PAUSE_MS);
      })
      .finally(() => {
        this.#running.delete(key);
        this.changed();
      });
    this.#running.set(key, done);
  }

  setKeyboard(keyboard: string): void {
    if (!this.#keyboards.includes(keyboard)) return;
    this.display.keyboard = keyboard;
    this.outside.setKeyboard(keyboard).catch((err) => this.log.error({ err }, 'the keyboard layout was not changed'));
  }

  /** A desktop of the list, to be told something about. */
  notice(id: string, reason: string): void {
    const desktop = this.facts.session?.desktops?.find((d) => d.id === id);
    this.display.notice = { kind: 'didNotWork', desktop: desktop?.name ?? id, reason };
    this.changed();
  }

  tryNow(): void {
    if (this.facts.server.kind === 'failed') Object.assign(this.facts.server, { nextTryAt: this.now(), failures: 0 });
  }

  /** The picture was taken from the screen. */
  viewerClosed(): void {
    const { viewer } = this.facts;
    if (viewer.kind === 'shown') this.facts.left = { desktop: viewer.desktop, at: this.now() };
    this.facts.viewer = { kind: 'closed' };
    this.changed();
  }

  #shown(viewer: OpenViewer): void {
    const { desktop } = this.wanted;
    this.facts.viewer = { ...viewer, kind: 'shown', frozen: false, dark: false };
    if (desktop?.id !== viewer.desktop) return;
    Object.assign(desktop, { phase: 'inUse', failures: 0, started: true });
    this.outside.onFirstFrame();
  }

  #back(): void {
    this.viewerClosed();
    this.wanted.desktop = undefined;
  }

  /** The picture is gone and nobody asked for that. */
  #viewerGone(why: string, stands: boolean): void {
    const { viewer, session } = this.facts;
    if (viewer.kind === 'closed') return;
    const shown = viewer.kind === 'shown' || viewer.frozen;
    const since = viewer.kind !== 'shown' && viewer.frozen ? viewer.since : this.now();
    const follows = session !== undefined && this.#follows(viewer);
    if (shown && (stands || follows)) this.facts.viewer = { ...viewer, kind: 'lost', frozen: true, since };
    else this.facts.viewer = { kind: 'closed' };
    this.viewerFailed(viewer.desktop, why, follows ? FOLLOW_AGAIN_MS : shown ? SHUT_DOWN_NEWS_MS : undefined);
    if (session?.events !== 'live' && !follows) this.#reopenFromScratch();
  }

  #follows(viewer: OpenViewer): boolean {
    const { session } = this.facts;
    const desktop = session?.desktops?.find((d) => d.id === viewer.desktop);
    if (!session || !desktop) return false;
    return isFollowing(viewer, desktop, placeOf(this.facts, session, desktop));
  }

  /** An attempt to show the wanted desktop failed: once more after a while. */
  viewerFailed(id: string, why: string, afterMs?: number): void {
    const { desktop } = this.wanted;
    if (desktop?.id !== id) return;
    const { viewer } = this.facts;
    // while a picture stands, its end is what counts
    if (viewer.kind !== 'closed') desktop.retryAt = this.now() + (afterMs ?? FOLLOW_AGAIN_MS);
    else {
      desktop.failures++;
      desktop.lastFailure = why;
      desktop.since = desktop.failures === 1 ? this.now() : desktop.since;
      desktop.retryAt = this.now() + (afterMs ?? backOffMs(desktop.failures));
    }
    this.changed();
  }

  #tellTab(): void {
    if (!this.facts.shell) return;
    const tab: Tab = tabOf(this.facts, this.wanted, this.display.language);
    const text = JSON.stringify(tab);
    if (text === this.#lastTab) return;
    if (this.outside.tellShell({ do: 'setTab', ...tab })) this.#lastTab = text;
  }

  #tabAction(name: string): void {
    const command = tabCommand(name, this.wanted);
    if (command) obey(command, this);
  }

  #reopenFromScratch(): void {
    if (this.wanted.desktop) Object.assign(this.wanted.desktop, { phase: 'opening', started: false, failures: 0 });
  }
}

/** A desktop that shuts down closes its screen first; the news comes a moment later, in milliseconds. */
const SHUT_DOWN_NEWS_MS = FREEZE_MS;
/** Between two attempts to follow a desktop that has moved, in milliseconds. */
const FOLLOW_AGAIN_MS = 250;

const VIEWER_ENDS = {
  disconnected: 'the connection to its screen was cut',
  wrongTicket: 'its screen did not accept the ticket',
  unreachable: 'its screen could not be reached',
} as const;

function run<S extends Step>(all: Executors, step: S, runtime: Runtime): Promise<void> {
  const execute = all[step.do as keyof Executors] as ((step: S, runtime: Runtime) => Promise<void>) | undefined;
  if (!execute) throw new Error(`no executor for ${step.do}`);
  return execute(step, runtime);
}
