/** What the person wants, written down: each command of the kiosk page, applied to the wishes. */
import type { WantedDesktop } from './facts.ts';
import type { KioskCommand } from './kiosk/protocol.ts';
import { machineIsHere } from './plan-copies.ts';
import type { Runtime } from './runtime.ts';

/** A command of the page, or of the tab over a desktop. */
export function obey(command: KioskCommand, runtime: Runtime): void {
  const { wanted, display, facts } = runtime;
  switch (command.do) {
    case 'logIn':
      if (facts.session || wanted.logIn) return;
      display.loginProblem = undefined;
      wanted.logIn = { user: command.user, password: command.password };
      return;
    case 'logOut':
      if (!facts.session) return;
      leave(runtime);
      wanted.logOut = true;
      return;
    case 'powerOff':
    case 'restart':
      if (facts.session || machineIsHere(facts)) leave(runtime);
      wanted.power = command.do;
      return;
    case 'retryNow':
      if (wanted.leaving) Object.assign(wanted.leaving, { asked: false, failed: undefined });
      runtime.tryNow();
      return;
    case 'dismissNotice':
      display.notice = undefined;
      return;
    case 'setLanguage':
      display.language = command.language;
      return;
    case 'setKeyboard':
      runtime.setKeyboard(command.keyboard);
      return;
    default:
      obeyInSession(command, runtime);
  }
}

type SessionCommand = Exclude<
  KioskCommand,
  { do: 'logIn' | 'logOut' | 'powerOff' | 'restart' | 'retryNow' | 'dismissNotice' | 'setLanguage' | 'setKeyboard' }
>;

function obeyInSession(command: SessionCommand, runtime: Runtime): void {
  const { wanted, facts } = runtime;
  if (!facts.session) return;
  switch (command.do) {
    case 'openDesktop':
      if (!wanted.desktop) open(command.id, runtime);
      return;
    case 'cancelOpening':
      wanted.desktop = undefined;
      return;
    case 'showPicture':
      runtime.outside.tellShell({ do: 'showPicture' });
      return;
    case 'shutDownDesktop':
      if (!wanted.shutDown.includes(command.id)) wanted.shutDown.push(command.id);
      return;
    case 'stay':
      wanted.leaving = undefined;
      wanted.logOut = false;
      wanted.power = 'on';
      return;
    case 'leaveAnyway':
      if (wanted.leaving) wanted.leaving.anyway = true;
      return;
    case 'chooseDisk':
    case 'lookAgain':
    case 'workRemotely':
    case 'keepCopy':
      obeyAboutDisks(command, runtime);
      return;
    case 'pauseCopy':
    case 'resumeCopy':
    case 'stopCopy':
    case 'move':
    case 'cancelMove':
      wanted.copies = [...wanted.copies.filter((w) => w.id !== command.id || w.do !== command.do), command];
      return;
    default:
      command satisfies never;
  }
}

type DiskCommand = Extract<KioskCommand, { do: 'chooseDisk' | 'lookAgain' | 'workRemotely' | 'keepCopy' }>;

function obeyAboutDisks(command: DiskCommand, runtime: Runtime): void {
  const { wanted } = runtime;
  switch (command.do) {
    case 'chooseDisk': {
      const reopen = wanted.desktop?.id === command.id;
      wanted.desktop = undefined;
      wanted.disks = { desktop: command.id, list: undefined, chosen: undefined, problem: undefined, reopen };
      return;
    }
    case 'lookAgain':
      if (wanted.disks) Object.assign(wanted.disks, { list: undefined, problem: undefined });
      return;
    case 'workRemotely':
      if (wanted.disks) leaveDisks(runtime);
      return;
    case 'keepCopy': {
      const { disks } = wanted;
      // only what was shown, and shown as possible, can be confirmed
      const shown = disks?.list?.find((d) => !d.reason && JSON.stringify(d.disk) === JSON.stringify(command.disk));
      if (!disks || disks.desktop !== command.id || !shown || disks.chosen) return;
      if (!runtime.facts.here.link.connected) {
        disks.problem = 'the server cannot reach this PC yet';
        return;
      }
      runtime.outside.confirmDisk(command.id, shown.disk);
      Object.assign(disks, { chosen: shown.disk, problem: undefined });
      return;
    }
  }
}

/** Away from the disks, and back to the desktop if it was in use. */
export function leaveDisks(runtime: Runtime): void {
  const { disks } = runtime.wanted;
  runtime.wanted.disks = undefined;
  if (disks?.reopen) open(disks.desktop, runtime);
}

function leave({ wanted, now }: Runtime): void {
  wanted.leaving = { since: now(), asked: false, failed: undefined, anyway: false };
  wanted.disks = undefined;
}

function open(id: string, runtime: Runtime): void {
  const desktop = runtime.facts.session?.desktops?.find((d) => d.id === id);
  if (!desktop) return;
  runtime.display.notice = undefined;
  const wanted: WantedDesktop = {
    id,
    name: desktop.name,
    since: runtime.now(),
    phase: 'opening',
    started: false,
    failures: 0,
    lastFailure: '',
    retryAt: 0,
  };
  runtime.wanted.desktop = wanted;
}
