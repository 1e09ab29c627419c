/** What the agent in a desktop shows, from the desktop as the server tells it. The same on the server and on a PC. */
import type { Attachment, Desktop } from '#common/protocol/desktop.ts';
import type { AgentStatus, Can, WhyNot } from '#common/protocol/host-guest.ts';

export interface AgentView {
  /** Who serves the port: where the desktop runs. */
  place: AgentStatus['place'];
  serverName: string;
  /** On a PC: its name, and whether it reaches the server. Left out on the server, which knows from the attachment. */
  pc?: { name: string; link: AgentStatus['link'] };
}

const YES: Can = { possible: true };
const no = (why: WhyNot, text?: string): Can => ({ possible: false, why, ...(text !== undefined && { text }) });

/** The status for the agent, with what is possible now and why the rest is not. */
export function agentStatus(desktop: Desktop, view: AgentView): AgentStatus {
  const { attachment, holder, move, notice } = desktop;
  const link = view.pc?.link ?? linkOf(attachment);
  const pcName = view.pc?.name ?? attachment?.pc.name ?? holder?.pc.name;
  return {
    desktop: desktop.name,
    place: view.place,
    server: { name: view.serverName },
    ...(pcName !== undefined && { pc: { name: pcName } }),
    sync: syncOf(attachment, link),
    complete: attachment?.complete ?? false,
    link,
    ...(move && { move }),
    can: {
      pause: canPause(attachment, link),
      resume: canResume(attachment, link),
      moveHere: canMove(desktop, view, link, 'pc'),
      moveToServer: canMove(desktop, view, link, 'server'),
      cancelMove: canCancel(desktop),
      rebootNative: no('laterVersion'),
    },
    ...(notice && { notice: { at: notice.at, text: notice.text.slice(0, 1000) } }),
  };
}

function linkOf(attachment: Attachment | undefined): AgentStatus['link'] {
  if (attachment?.state.kind === 'disconnected') return { connected: false, since: attachment.state.since };
  return { connected: attachment !== undefined };
}

/** The last that was heard of the sync is old news once the PC does not reach the server. */
function syncOf(attachment: Attachment | undefined, link: AgentStatus['link']): AgentStatus['sync'] {
  if (attachment === undefined) return { kind: 'none' };
  if (!link.connected && link.since !== undefined) return { kind: 'disconnected', since: link.since };
  return attachment.state;
}

function canPause(attachment: Attachment | undefined, link: AgentStatus['link']): Can {
  if (attachment === undefined) return no('noPc');
  if (!link.connected) return no('linkLost');
  switch (attachment.state.kind) {
    case 'syncing':
    case 'behind':
      return YES;
    case 'paused':
      return no('alreadyPaused');
    case 'detaching':
      return no('leaving');
    default:
      return no('nothingToPause');
  }
}

function canResume(attachment: Attachment | undefined, link: AgentStatus['link']): Can {
  if (attachment === undefined) return no('noPc');
  if (attachment.state.kind !== 'paused') return no('notPaused');
  return link.connected ? YES : no('linkLost');
}

function canMove(desktop: Desktop, view: AgentView, link: AgentStatus['link'], to: 'pc' | 'server'): Can {
  const { attachment, move } = desktop;
  if (view.place === to) return no('alreadyThere');
  if (move) return no('moving');
  if (attachment === undefined) return no('noPc');
  if (!link.connected) return no('linkLost');
  switch (attachment.state.kind) {
    case 'preparing':
      return no('preparing');
    case 'detaching':
      return no('leaving');
    case 'failed':
      return no('syncFailed', attachment.state.reason.slice(0, 500));
    case 'disconnected':
      return no('linkLost');
    default:
      break;
  }
  const { possible, reason } = attachment.localHost;
  return to === 'server' || possible ? YES : no('other', reason?.slice(0, 500));
}

function canCancel({ move }: Desktop): Can {
  if (!move) return no('noMove');
  return move.phase === 'preparing' || move.phase === 'copyingMemory' ? YES : no('tooLate');
}
