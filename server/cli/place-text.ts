/** Where a desktop is, and how its copy on a PC is getting on, in words. Pure. */
import type { Attachment, Desktop, Holder, Move, SyncState } from '#common/protocol/desktop.ts';
import { duration, size, time } from './output.ts';

/** For a table: `server`, `server + pc-1 34 %`, `pc-1`, `pc-1 -> server 60 %`. */
export function placeText({ holder, attachment, move }: Desktop): string {
  const here = holder ? holder.pc.name : 'server';
  if (move)
    return `${here} -> ${move.to === 'pc' ? (attachment?.pc.name ?? 'PC') : 'server'} ${Math.floor(move.percent)} %`;
  if (holder) return holder.reachable ? here : `${here} (not connected)`;
  return attachment ? `${here} + ${attachment.pc.name} ${shortSync(attachment.state)}`.trimEnd() : here;
}

/** For one desktop: lines of what is known. */
export function placeFacts({ holder, attachment, move, notice, knownDisks = [] }: Desktop): [string, string][] {
  return [
    ['Runs on', holder ? holderText(holder) : 'the server'],
    ...(attachment ? attachmentFacts(attachment) : []),
    ...(move ? ([['Move', moveText(move)]] as [string, string][]) : []),
    ...knownDisks
      .filter((known) => known.aside)
      .map((known): [string, string] => ['Put aside', known.aside?.text ?? '']),
    ...(notice ? ([['Notice', `${time(notice.at)}: ${notice.text}`]] as [string, string][]) : []),
  ];
}

export function moveText({ to, phase, percent }: Move): string {
  const where = to === 'pc' ? 'to the PC' : 'to the server';
  switch (phase) {
    case 'preparing':
      return `${where}: preparing`;
    case 'copyingMemory':
      return `${where}: copying its memory, ${Math.floor(percent)} %`;
    case 'switchingOver':
      return `${where}: switching over`;
    case 'finishing':
      return `${where}: finishing`;
  }
}

export function syncText(state: SyncState): string {
  switch (state.kind) {
    case 'preparing':
      return `preparing: ${state.step}${state.percent === undefined ? '' : `, ${Math.floor(state.percent)} %`}`;
    case 'syncing': {
      const left = state.secondsLeft === undefined ? '' : `, ${duration(state.secondsLeft)} left`;
      const to = state.to === 'pc' ? 'to the PC' : 'to the server';
      return `${Math.floor(state.percent)} % ${to}, ${size(state.bytesLeft)} to go at ${size(state.bytesPerSecond)}/s${left}`;
    }
    case 'paused':
      return `paused at ${Math.floor(state.percent)} %`;
    case 'inSync':
      return 'in sync';
    case 'behind':
      return `behind by ${size(state.bytesLeft)}: the link is slower than the desktop writes`;
    case 'disconnected':
      return `not connected since ${time(state.since)}`;
    case 'detaching':
      return 'leaving';
    case 'failed':
      return state.hint === undefined ? `failed: ${state.reason}` : `failed: ${state.reason} (${state.hint})`;
  }
}

function holderText({ pc, since, generation, reachable, lastContactAt }: Holder): string {
  const contact = lastContactAt === undefined ? '' : `, last heard of ${time(lastContactAt)}`;
  const link = reachable ? '' : `; not connected${contact}`;
  return `${pc.name} since ${time(since)} (hand-over ${generation})${link}`;
}

function attachmentFacts({ pc, disk, state, complete, limitKiBps, localHost }: Attachment): [string, string][] {
  return [
    ['Kept on', `${pc.name}, disk ${disk.model} ${disk.serial || disk.wwn} (${size(disk.bytes)})`],
    ['Sync', syncText(state)],
    ['Complete', complete ? 'yes: it can go on without the server' : 'not yet'],
    ...(limitKiBps === undefined ? [] : ([['Limit', `${size(limitKiBps * 1024)}/s`]] as [string, string][])),
    ['Can run there', localHost.possible ? 'yes' : `no: ${localHost.reason ?? ''}`],
  ];
}

function shortSync(state: SyncState): string {
  switch (state.kind) {
    case 'syncing':
    case 'paused':
      return `${Math.floor(state.percent)} %${state.kind === 'paused' ? ' paused' : ''}`;
    case 'inSync':
      return 'in sync';
    default:
      return state.kind;
  }
}
