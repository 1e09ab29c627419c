/** What the tab over a desktop in use tells and offers: where it is, how its copy is doing, what is wrong. Pure. */
import type { Desktop } from '#common/protocol/desktop.ts';
import type { Facts, SessionFact, Wanted } from './facts.ts';
import { clock, percent } from './kiosk/page/texts/format.ts';
import { saidAlone } from './kiosk/page/texts/said.ts';
import { TEXTS, type Texts } from './kiosk/page/texts/texts.ts';
import type { KioskCommand, Language, Tab } from './kiosk/protocol.ts';
import { offerOf } from './offers.ts';
import { NOTICE_MS } from './plan.ts';
import { runsHere } from './plan-copies.ts';

const NOTHING: Tab = { status: '', notice: '' };

export function tabOf(facts: Facts, wanted: Wanted, language: Language): Tab {
  const { session, viewer } = facts;
  if (!session || !wanted.desktop || viewer.kind === 'closed') return NOTHING;
  const desktop = session.desktops?.find((d) => d.id === wanted.desktop?.id);
  if (!desktop) return NOTHING;
  const texts = TEXTS[language];
  const lost = lostSince(facts, session, desktop);
  if (lost !== undefined) {
    const text = texts.copies.tab.serverLost(clock(language, lost, facts.now));
    return { status: texts.copies.tab.goOn, notice: text };
  }
  const { move } = desktop;
  if (move) {
    const text = `${move.to === 'pc' ? texts.copies.move.toPc : texts.copies.move.toServer} ${percent(language, move.percent)}`;
    const canCancel = move.phase === 'preparing' || move.phase === 'copyingMemory';
    const action = { name: 'cancelMove', label: texts.copies.actions.cancelMove };
    return { status: text, notice: text, ...(canCancel && { action }) };
  }
  return {
    status: statusOf(desktop, session.login.pc, texts, language),
    notice: freshNotice(desktop, facts.now, language),
    ...actionOf(desktop, session, texts),
  };
}

/** What pressing the tab's button means now. */
export function tabCommand(name: string, { desktop }: Wanted): KioskCommand | undefined {
  if (!desktop) return undefined;
  const { id } = desktop;
  switch (name) {
    case 'cancelMove':
      return { do: 'cancelMove', id };
    case 'moveHere':
      return { do: 'move', id, to: 'pc' };
    case 'moveToServer':
      return { do: 'move', id, to: 'server' };
    case 'keepCopy':
      return { do: 'chooseDisk', id };
    default:
      return undefined;
  }
}

/** The server is away while the desktop runs on this PC: since when. */
function lostSince(facts: Facts, session: SessionFact, desktop: Desktop): number | undefined {
  if (!runsHere(facts, desktop.id)) return undefined;
  const { server, here } = facts;
  if (session.events !== 'live' && server.kind === 'failed') return server.since;
  return here.link.connected || session.events !== 'live' ? undefined : here.link.since;
}

function statusOf({ attachment }: Desktop, pc: string | undefined, texts: Texts, language: Language): string {
  if (!attachment || attachment.pc.uuid !== pc) return '';
  const words = texts.copies.state;
  const { state } = attachment;
  switch (state.kind) {
    case 'preparing':
      return words.preparing;
    case 'syncing':
      return `${state.to === 'pc' ? words.toPc : words.toServer}: ${percent(language, state.percent)}`;
    case 'paused':
      return words.paused(percent(language, state.percent));
    case 'inSync':
      return words.inSync;
    case 'behind':
      return words.behindShort;
    case 'disconnected':
      return words.disconnected(clock(language, Date.parse(state.since), Date.parse(state.since)));
    case 'detaching':
      return words.detaching;
    case 'failed':
      return words.failed;
  }
}

function freshNotice({ notice }: Desktop, now: number, language: Language): string {
  return notice && now - Date.parse(notice.at) < NOTICE_MS ? saidAlone(language, notice.text) : '';
}

function actionOf(desktop: Desktop, session: SessionFact, texts: Texts): Pick<Tab, 'action'> {
  const offer = offerOf(desktop, session.desktops ?? [], session.login.pc);
  const { actions } = texts.copies;
  if (offer.moveHere && !offer.moveHere.why) return { action: { name: 'moveHere', label: actions.moveHere } };
  if (offer.moveToServer && !offer.moveToServer.why)
    return { action: { name: 'moveToServer', label: actions.moveToServer } };
  if (offer.keepCopy && !offer.keepCopy.why) return { action: { name: 'keepCopy', label: actions.keep } };
  return {};
}
