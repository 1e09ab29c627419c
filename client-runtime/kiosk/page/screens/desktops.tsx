import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Desktop } from '#common/protocol/desktop.ts';
import type { Notice, Offer } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Icon } from '../parts/icon.tsx';
import { Message } from '../parts/message.tsx';
import { localeOf } from '../texts/format.ts';
import { saidAlone } from '../texts/said.ts';
import type { Texts } from '../texts/texts.ts';
import { DesktopCard } from './desktop-card.tsx';

export interface DesktopsProps {
  desktops: readonly Desktop[];
  offers: Readonly<Record<string, Offer>>;
  notice: Notice | undefined;
}

/** What a desktop has of which the runtime says nothing more. */
const NO_OFFER: Offer = { place: { kind: 'server' }, copy: 'none' };

/** The person's desktops. The one to open most likely has the focus, so that Enter opens it. */
export function Desktops({ desktops, offers, notice }: DesktopsProps) {
  const { texts, language, send } = useKiosk();
  const list = useRef<HTMLUListElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const [asking, setAsking] = useState<string>();
  const asked = desktops.find((d) => d.id === asking && d.state.kind === 'running');
  const collator = new Intl.Collator(localeOf(language), { numeric: true });
  const sorted = desktops.toSorted((a, b) => collator.compare(a.name, b.name));
  const words = texts.desktops;
  const empty = desktops.length === 0;

  // Also when the list was empty at first: it may come a moment after the log-in.
  useLayoutEffect(() => {
    const active = document.activeElement;
    if (active !== document.body && active !== heading.current) return;
    (firstToOpen(list.current) ?? heading.current)?.focus();
  }, [empty]);

  return (
    <div class={`desktops ${['none', 'one', 'two'][sorted.length] ?? ''}`}>
      <div class="desktops-head">
        <h1 ref={heading} tabIndex={-1}>
          {words.title}
        </h1>
        {!empty && <p>{sorted.length === 1 ? words.keysOne : words.keys}</p>}
      </div>
      {notice && <NoticeMessage notice={notice} />}
      {empty ? (
        <div class="card plain empty" role="status">
          <div class="badge-icon">
            <Icon name="monitor" />
          </div>
          <h2>{words.none}</h2>
          <p>{words.noneMore}</p>
        </div>
      ) : (
        <ul
          class="desktop-list"
          aria-label={words.list}
          ref={list}
          onKeyDown={(event) => moveFocus(event, list.current)}
        >
          {sorted.map((d) => (
            <DesktopCard key={d.id} desktop={d} offer={offers[d.id] ?? NO_OFFER} onShutDown={() => setAsking(d.id)} />
          ))}
        </ul>
      )}
      {asked && (
        <Confirm
          title={words.confirmShutDown(asked.name)}
          text={words.confirmShutDownText}
          action={words.shutDown}
          onCancel={() => setAsking(undefined)}
          onConfirm={() => {
            setAsking(undefined);
            send({ do: 'shutDownDesktop', id: asked.id });
          }}
        />
      )}
    </div>
  );
}

function NoticeMessage({ notice }: { notice: Notice }) {
  const { texts, language, send } = useKiosk();
  return (
    <Message
      kind={notice.kind === 'desktopShutDown' ? 'success' : 'error'}
      title={noticeTitle(texts, notice)}
      onDismiss={() => send({ do: 'dismissNotice' })}
    >
      {'reason' in notice && <p>{saidAlone(language, notice.reason)}</p>}
    </Message>
  );
}

function noticeTitle(texts: Texts, notice: Notice): string {
  return texts.desktops.notice[notice.kind](notice.desktop);
}

function openButtons(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>('.button.primary:not(:disabled)') ?? [])];
}

/** A running desktop rather than one that is off. */
function firstToOpen(list: HTMLElement | null): HTMLElement | undefined {
  const all = openButtons(list);
  return all.find((b) => b.closest('.running')) ?? all[0];
}

/** Arrow keys go to the nearest card in that direction; Home and End to the first and the last. */
function moveFocus(event: KeyboardEvent, list: HTMLElement | null): void {
  const all = openButtons(list);
  const here = (document.activeElement?.closest('.desktop') ?? list)?.getBoundingClientRect();
  if (!here) return;
  const next = event.key === 'Home' ? all[0] : event.key === 'End' ? all.at(-1) : nearest(all, here, event.key);
  if (!next) return;
  event.preventDefault();
  next.focus();
}

const DIRECTIONS: Partial<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function nearest(all: HTMLElement[], here: DOMRect, key: string): HTMLElement | undefined {
  const direction = DIRECTIONS[key];
  if (!direction) return undefined;
  const [dx, dy] = direction;
  let best: { element: HTMLElement; distance: number } | undefined;
  for (const element of all) {
    const card = element.closest('.desktop')?.getBoundingClientRect();
    if (!card) continue;
    const x = card.x - here.x;
    const y = card.y - here.y;
    if (x * dx + y * dy < 1) continue;
    // Sideways counts more: down from the second column stays in the second column.
    const distance = Math.abs(x) * (dx === 0 ? 3 : 1) + Math.abs(y) * (dy === 0 ? 3 : 1);
    if (!best || distance < best.distance) best = { element, distance };
  }
  return best?.element;
}
