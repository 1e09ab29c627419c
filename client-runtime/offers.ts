/** Where each desktop is, seen from this PC, and what can be done about it. Pure. */
import type { Attachment, Desktop } from '#common/protocol/desktop.ts';
import type { Offer, Why } from './kiosk/protocol.ts';

/** @param pc how the server calls this PC; undefined: it does not want anything kept here */
export function offersOf(desktops: readonly Desktop[], pc: string | undefined): Record<string, Offer> {
  return Object.fromEntries(desktops.map((desktop) => [desktop.id, offerOf(desktop, desktops, pc)]));
}

export function offerOf(desktop: Desktop, all: readonly Desktop[], pc: string | undefined): Offer {
  const { attachment, move } = desktop;
  const place = placeOf(desktop, pc);
  const copy = !attachment ? 'none' : attachment.pc.uuid === pc ? 'here' : 'elsewhere';
  const offer: Offer = { place, copy };
  if (pc === undefined || move || place.kind === 'otherPc') return offer;
  if (place.kind === 'here') return { ...offer, moveToServer: possible(whyNotToServer(attachment)) };
  if (attachment?.pc.uuid === pc) return { ...offer, moveHere: possible(whyNotHere(desktop, attachment)) };
  return { ...offer, keepCopy: possible(whyNoCopy(desktop, all, pc)) };
}

/** The desktop's disk on this PC is the one that counts. */
export function isHeldHere(desktop: Desktop | undefined, pc: string | undefined): boolean {
  return desktop !== undefined && pc !== undefined && desktop.holder?.pc.uuid === pc;
}

function placeOf({ holder }: Desktop, pc: string | undefined): Offer['place'] {
  if (!holder) return { kind: 'server' };
  if (holder.pc.uuid === pc) return { kind: 'here' };
  return { kind: 'otherPc', name: holder.pc.name, reachable: holder.reachable };
}

function whyNotToServer(attachment: Attachment | undefined): Why | undefined {
  if (!attachment) return { kind: 'notReady' };
  return attachment.state.kind === 'disconnected' ? { kind: 'serverLost' } : undefined;
}

function whyNotHere({ state }: Desktop, { state: sync, localHost }: Attachment): Why | undefined {
  switch (sync.kind) {
    case 'preparing':
    case 'disconnected':
    case 'detaching':
    case 'failed':
      return { kind: 'notReady' };
    case 'syncing':
    case 'paused':
    case 'inSync':
    case 'behind':
  }
  if (state.kind !== 'running') return { kind: 'notRunning' };
  if (!localHost.possible) return { kind: 'told', text: localHost.reason ?? 'this PC cannot run the desktop' };
  return undefined;
}

/** A PC keeps one desktop, and a desktop is kept by one PC. */
function whyNoCopy({ id, attachment }: Desktop, all: readonly Desktop[], pc: string): Why | undefined {
  if (attachment) return { kind: 'otherPc', name: attachment.pc.name };
  const other = all.find((d) => d.id !== id && (d.attachment?.pc.uuid === pc || d.holder?.pc.uuid === pc));
  return other && { kind: 'otherDesktop', name: other.name };
}

function possible(why: Why | undefined): { why?: Why } {
  return why ? { why } : {};
}
