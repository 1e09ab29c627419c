import type { AgentStatus } from '#common/protocol/host-guest.ts';
import type { Texts } from '../../texts/texts.ts';

/** Middle of the server and of the PC in the picture, in its own units. */
const SERVER_X = 130;
const PC_X = 510;

/**
 * Server, PC, the line between them, and the desktop: a small screen that sits on one of them, or on its way. Whether the
 * other one has a copy is shown by a fainter screen that fills up.
 */
export function Picture({ status, words }: { status: AgentStatus; words: Texts }) {
  const { place, move, pc, link } = status;
  const target = move ? (move.to === 'pc' ? PC_X : SERVER_X) : undefined;
  const from = place === 'pc' ? PC_X : SERVER_X;
  const x =
    target === undefined ? from : from + (target - from) * (0.15 + 0.7 * Math.min(1, (move?.percent ?? 0) / 100));
  const label = words.picture({
    from: words.place[place].title,
    move: move && words.moving[move.to],
  });
  const copied = copiedPercent(status);
  return (
    <svg class="picture" viewBox="0 0 640 236" role="img" aria-label={label}>
      <path class={`line ${pc ? (link.connected ? 'up' : 'down') : 'none'}`} d="M205 92H435" />
      {pc && !link.connected && <path class="cut" d="M308 80l24 24M332 80l-24 24" />}
      <Server x={SERVER_X} active={place === 'server'} />
      <Pc x={PC_X} active={place === 'pc'} there={pc !== undefined} />
      {copied !== undefined && <Copy x={place === 'server' ? PC_X : SERVER_X} percent={copied} />}
      <Desktop x={x} moving={move !== undefined} />
      <Label x={SERVER_X} title={words.server} name={status.server.name} />
      <Label x={PC_X} title={words.thisPc} name={pc?.name ?? words.noPc} />
    </svg>
  );
}

/** How much of the desktop the other machine has; undefined: no copy. */
function copiedPercent({ sync, place, complete }: AgentStatus): number | undefined {
  switch (sync.kind) {
    case 'none':
    case 'detaching':
      return undefined;
    case 'syncing':
    case 'paused':
      // what the PC still lacks is on the server
      return place === 'pc' && !complete ? 100 : sync.percent;
    case 'inSync':
    case 'behind':
      return 100;
    default:
      return complete || place === 'pc' ? 100 : 0;
  }
}

function Server({ x, active }: { x: number; active: boolean }) {
  return (
    <g class={`machine ${active ? 'active' : ''}`} transform={`translate(${x} 0)`}>
      <rect x="-70" y="22" width="140" height="140" rx="14" />
      <path class="detail" d="M-52 44h104M-52 140h104" />
      <circle class="lamp" cx="46" cy="140" r="5" />
    </g>
  );
}

function Pc({ x, active, there }: { x: number; active: boolean; there: boolean }) {
  return (
    <g class={`machine ${active ? 'active' : ''} ${there ? '' : 'absent'}`} transform={`translate(${x} 0)`}>
      <rect x="-80" y="30" width="160" height="112" rx="12" />
      <path class="foot" d="M-22 142l-6 20h56l-6-20z" />
      <path class="detail" d="M-46 162h92" />
    </g>
  );
}

/** The copy on the other machine: outline, filled from the left. */
function Copy({ x, percent }: { x: number; percent: number }) {
  return (
    <g class="copy" transform={`translate(${x - 42} 64)`}>
      <rect class="outline" width="84" height="54" rx="7" />
      <rect class="filled" x="3" y="3" width={0.78 * Math.max(0, Math.min(100, percent))} height="48" rx="5" />
    </g>
  );
}

function Desktop({ x, moving }: { x: number; moving: boolean }) {
  return (
    <g class={`desktop ${moving ? 'moving' : ''}`} style={{ transform: `translate(${x - 42}px, 64px)` }}>
      <rect class="frame" width="84" height="54" rx="7" />
      <rect class="window" x="9" y="9" width="38" height="24" rx="3" />
      <rect class="window two" x="38" y="18" width="36" height="20" rx="3" />
      <rect class="bar" x="0" y="45" width="84" height="9" rx="4" />
    </g>
  );
}

function Label({ x, title, name }: { x: number; title: string; name: string }) {
  return (
    <g class="label">
      <text x={x} y="194">
        {title}
      </text>
      <text class="name" x={x} y="218">
        {name.length > 30 ? `${name.slice(0, 29)}…` : name}
      </text>
    </g>
  );
}
