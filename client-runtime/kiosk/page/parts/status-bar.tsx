import type { KioskState, Language, Screen } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { localeOf } from '../texts/format.ts';
import type { Texts } from '../texts/texts.ts';
import { Dot } from './dot.tsx';
import { Icon } from './icon.tsx';
import { Menu } from './menu.tsx';
import { PowerMenu } from './power-menu.tsx';

/** Addresses that fit; the others are counted, and in the tooltip. */
const ADDRESSES_SHOWN = 2;

/** Always at the lower edge: which PC this is, which server, and what can be set on every screen. */
export function StatusBar({ state, onShowConfig }: { state: KioskState; onShowConfig: (() => void) | undefined }) {
  const { texts, language, send } = useKiosk();
  const words = texts.status;
  const connected = isConnected(state.screen);
  return (
    <footer class="status-bar">
      <dl class="status-facts">
        <Fact name={words.pc} value={state.pcName} strong />
        <Fact name={words.address} value={addressText(texts, state.addresses)} title={state.addresses.join(', ')} />
        <Fact name={words.version} value={state.version} />
        <div class={connected ? 'server-fact on' : 'server-fact'}>
          <dt>{words.server}</dt>
          <dd>
            <Dot full={connected} />
            {state.serverName ?? state.server ?? words.noServer}
            {state.server !== undefined && (
              <span class="visually-hidden"> ({connected ? words.connected : words.notConnected})</span>
            )}
          </dd>
        </div>
      </dl>
      <div class="status-actions">
        {onShowConfig && (
          <button type="button" class="status-button warning" onClick={onShowConfig}>
            <Icon name="warning" />
            <span>{texts.config.badge(state.configProblems.length)}</span>
          </button>
        )}
        <Menu
          label={words.keyboard}
          text={state.keyboard.toUpperCase()}
          icon="keyboard"
          items={state.keyboards.map((k) => ({
            key: k,
            text: keyboardName(texts, k),
            checked: k === state.keyboard,
            onChoose: () => send({ do: 'setKeyboard', keyboard: k }),
          }))}
        />
        <Menu
          label={words.language}
          text={texts.languages[language]}
          icon="globe"
          items={(Object.keys(texts.languages) as Language[]).map((l) => ({
            key: l,
            text: texts.languages[l],
            lang: localeOf(l),
            checked: l === language,
            onChoose: () => send({ do: 'setLanguage', language: l }),
          }))}
        />
        <PowerMenu />
      </div>
    </footer>
  );
}

function Fact({ name, value, title, strong }: { name: string; value: string; title?: string; strong?: boolean }) {
  return (
    <div class={strong ? 'strong' : undefined} title={title}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function addressText(texts: Texts, addresses: readonly string[]): string {
  if (addresses.length === 0) return texts.status.noAddress;
  const shown = addresses.slice(0, ADDRESSES_SHOWN).join(', ');
  const more = addresses.length - ADDRESSES_SHOWN;
  return more > 0 ? `${shown} ${texts.status.moreAddresses(more)}` : shown;
}

/** A layout we have a name for, or its code: the list comes from the runtime. */
function keyboardName(texts: Texts, layout: string): string {
  return (texts.keyboards as Partial<Record<string, string>>)[layout] ?? layout.toUpperCase();
}

function isConnected(screen: Screen): boolean {
  switch (screen.kind) {
    case 'login':
    case 'desktops':
    case 'disks':
    case 'opening':
    case 'inUse':
      return true;
    case 'starting':
    case 'noServer':
    case 'serverLost':
    case 'goingDown':
      return false;
    case 'leaving':
      return screen.step.kind !== 'asking';
  }
}
