/** What `flexdeploy-agent status` prints. */
import type { AgentStatus, Can } from '#common/protocol/host-guest.ts';
import type { View } from './control/protocol.ts';
import { moment, roughTime, size } from './texts/format.ts';
import { TEXTS } from './texts/texts.ts';

const WORDS = TEXTS.en;

/** A few lines for people. */
export function describeView(view: View): string {
  const { host, status } = view;
  const lines: string[] = [];
  if (host.kind !== 'there') {
    const { title, text } = WORDS.host[host.kind];
    lines.push(`${title} (${WORDS.since(moment('en', new Date(host.since)))}).`, text);
    if (host.kind === 'refused') lines.push(host.reason);
    if (status) lines.push('What it said last:');
  }
  if (status) lines.push(...describeStatus(status));
  return lines.join('\n');
}

function describeStatus(status: AgentStatus): string[] {
  const { desktop, place, server, pc, move, notice } = status;
  const where = place === 'server' ? `the server ${server.name}` : `the PC ${pc?.name ?? ''}`.trimEnd();
  const rows: [string, string][] = [['Desktop', desktop]];
  rows.push(['Runs on', where]);
  if (move) rows.push(['Moving', `to ${move.to === 'pc' ? 'this PC' : 'the server'}, ${Math.round(move.percent)} %`]);
  rows.push(['Copy', syncSentence(status)], ['Link', linkSentence(status)]);
  if (notice) rows.push(['Notice', notice.text]);
  rows.push(['Possible', possible(status)]);
  return rows.map(([key, value]) => `${key.padEnd(9)} ${value}`);
}

/** How the copy on the PC is getting on, one sentence. */
export function syncSentence({ sync, complete }: AgentStatus): string {
  switch (sync.kind) {
    case 'syncing': {
      const left = WORDS.left({
        size: size('en', sync.bytesLeft),
        speed: size('en', sync.bytesPerSecond),
        time: sync.secondsLeft === undefined ? undefined : roughTime('en', sync.secondsLeft),
      });
      return `${WORDS.syncing[sync.to]}: ${Math.floor(sync.percent)} % (${left})`;
    }
    case 'paused':
      return `${WORDS.sync.paused} at ${Math.floor(sync.percent)} %`;
    case 'behind':
      return `${WORDS.sync.behind}: ${WORDS.behindMore(size('en', sync.bytesLeft))}`;
    case 'preparing':
      return `${WORDS.sync.preparing}: ${sync.step}${sync.percent === undefined ? '' : `, ${Math.floor(sync.percent)} %`}`;
    case 'failed':
      return `${WORDS.sync.failed}: ${sync.reason}`;
    case 'disconnected':
      return complete ? `${WORDS.sync.disconnected}. ${WORDS.complete}` : WORDS.sync.disconnected;
    default:
      return WORDS.sync[sync.kind];
  }
}

function linkSentence({ link, pc }: AgentStatus): string {
  if (!pc) return WORDS.link.none;
  if (link.connected) return WORDS.link.up;
  return WORDS.link.down(link.since === undefined ? 'some time' : moment('en', new Date(link.since)));
}

function possible({ can }: AgentStatus): string {
  const commands: [string, Can][] = [
    ['pause', can.pause],
    ['resume', can.resume],
    ['move here', can.moveHere],
    ['move server', can.moveToServer],
    ['cancel', can.cancelMove],
  ];
  const now = commands.flatMap(([command, can]) => (can.possible ? [command] : []));
  return now.length === 0 ? 'nothing now' : now.join(', ');
}

/** Why a wish is not offered, one sentence; undefined if it is. */
export function whyNot(can: Can): string | undefined {
  if (can.possible) return undefined;
  return can.text ?? WORDS.whyNot[can.why];
}
