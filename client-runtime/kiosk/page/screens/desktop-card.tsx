import type { Desktop } from '#common/protocol/desktop.ts';
import type { Offer } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { useId } from '../hooks.ts';
import { Button } from '../parts/button.tsx';
import { Dot } from '../parts/dot.tsx';
import { Icon } from '../parts/icon.tsx';
import { memory } from '../texts/format.ts';
import { said, saidAlone } from '../texts/said.ts';
import { whyText } from '../texts/why.ts';
import { CopyPanel } from './copy-panel.tsx';

/** `running` with viewers is a state of its own for people: somebody, perhaps they themselves, has it open. */
type ShownState = Desktop['state']['kind'] | 'inUse';

const FULL_DOT: ReadonlySet<ShownState> = new Set(['running', 'inUse', 'failed']);

function shownState(desktop: Desktop): ShownState {
  return desktop.state.kind === 'running' && desktop.state.viewers > 0 ? 'inUse' : desktop.state.kind;
}

export interface DesktopCardProps {
  desktop: Desktop;
  offer: Offer;
  onShutDown: () => void;
}

/** One desktop: what it is, how it is, where it is, and what can be done with it. */
export function DesktopCard({ desktop, offer, onShutDown }: DesktopCardProps) {
  const { texts, language, send } = useKiosk();
  const id = useId();
  const shown = shownState(desktop);
  const words = texts.desktops;
  const open = { failed: words.startAgain, inUse: words.openHere }[shown as string] ?? words.open;
  return (
    <li class={`desktop ${shown}`} aria-labelledby={id}>
      <div class="desktop-head">
        <div class="badge-icon">
          <Icon name="monitor" />
        </div>
        <div>
          <h2 id={id}>{desktop.name}</h2>
          <p class="state">
            <Dot full={FULL_DOT.has(shown)} />
            {words.state[shown]}
          </p>
        </div>
      </div>
      <StateMore desktop={desktop} />
      <CopyPanel desktop={desktop} offer={offer} />
      <ul class="facts" aria-label={words.facts}>
        <li>{desktop.image}</li>
        <li>{memory(language, desktop.memoryMiB)}</li>
        <li>{words.processors(desktop.cpus)}</li>
      </ul>
      <div class="actions">
        <Button
          kind="primary"
          label={open === words.open ? words.openNamed(desktop.name) : `${open}: ${desktop.name}`}
          disabled={desktop.state.kind === 'stopping'}
          onPress={() => send({ do: 'openDesktop', id: desktop.id })}
        >
          {open}
        </Button>
        {desktop.state.kind === 'running' && (
          <Button kind="secondary" icon="power" label={words.shutDownNamed(desktop.name)} onPress={onShutDown}>
            {words.shutDown}
          </Button>
        )}
      </div>
      <PlaceActions desktop={desktop} offer={offer} />
    </li>
  );
}

/** Keep a copy here, work here, work on the server: what is offered, and what it needs where it is not possible. */
function PlaceActions({ desktop, offer }: { desktop: Desktop; offer: Offer }) {
  const { texts, language, send } = useKiosk();
  const id = useId();
  const { actions } = texts.copies;
  const { keepCopy, moveHere, moveToServer } = offer;
  const [text, possible, command, icon] = moveHere
    ? ([actions.moveHere, moveHere, { do: 'move', id: desktop.id, to: 'pc' }, 'monitor'] as const)
    : moveToServer
      ? ([actions.moveToServer, moveToServer, { do: 'move', id: desktop.id, to: 'server' }, 'server'] as const)
      : ([actions.keep, keepCopy, { do: 'chooseDisk', id: desktop.id }, 'copy'] as const);
  if (!possible || desktop.move) return null;
  return (
    <div class="place-actions">
      <Button
        kind={possible === keepCopy ? 'quiet' : 'secondary'}
        icon={icon}
        label={actions.named(text, desktop.name)}
        why={possible.why && id}
        onPress={() => send(command)}
      >
        {text}
      </Button>
      {possible.why && (
        <p class="why" id={id}>
          {whyText(texts, language, possible.why)}
        </p>
      )}
    </div>
  );
}

function StateMore({ desktop }: { desktop: Desktop }) {
  const { texts, language } = useKiosk();
  const { state, notice } = desktop;
  if (notice && state.kind !== 'failed') return <p class="state-more notice">{saidAlone(language, notice.text)}</p>;
  switch (state.kind) {
    case 'failed':
      return <p class="state-more">{saidAlone(language, state.reason)}</p>;
    case 'starting':
      return <p class="state-more">{said(language, state.step)}</p>;
    case 'running':
      return state.viewers > 0 ? <p class="state-more">{texts.desktops.inUseMore}</p> : null;
    case 'off':
    case 'stopping':
      return null;
  }
}
