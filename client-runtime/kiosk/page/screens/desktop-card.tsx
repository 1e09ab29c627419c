import type { Desktop } from '#common/protocol/client-server.ts';
import { useKiosk } from '../context.ts';
import { useId } from '../hooks.ts';
import { Button } from '../parts/button.tsx';
import { Dot } from '../parts/dot.tsx';
import { Icon } from '../parts/icon.tsx';
import { memory } from '../texts/format.ts';

/** `running` with viewers is a state of its own for people: somebody, perhaps they themselves, has it open. */
type ShownState = Desktop['state']['kind'] | 'inUse';

const FULL_DOT: ReadonlySet<ShownState> = new Set(['running', 'inUse', 'failed']);

function shownState(desktop: Desktop): ShownState {
  return desktop.state.kind === 'running' && desktop.state.viewers > 0 ? 'inUse' : desktop.state.kind;
}

/** One desktop: what it is, how it is, and what can be done with it. */
export function DesktopCard({ desktop, onShutDown }: { desktop: Desktop; onShutDown: () => void }) {
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
    </li>
  );
}

function StateMore({ desktop }: { desktop: Desktop }) {
  const { texts } = useKiosk();
  const { state } = desktop;
  switch (state.kind) {
    case 'failed':
      return <p class="state-more">{state.reason}</p>;
    case 'starting':
      return <p class="state-more">{state.step}</p>;
    case 'running':
      return state.viewers > 0 ? <p class="state-more">{texts.desktops.inUseMore}</p> : null;
    case 'off':
    case 'stopping':
      return null;
  }
}
