import { useEffect } from 'preact/hooks';
import type { AgentStatus, Wish } from '#common/protocol/host-guest.ts';
import type { View } from '../control/protocol.ts';
import { localeOf, moment } from '../texts/format.ts';
import { type Language, TEXTS, type Texts } from '../texts/texts.ts';
import { CopyPanel } from './parts/copy-panel.tsx';
import { MovePanel } from './parts/move-panel.tsx';
import { Picture } from './parts/picture.tsx';

/** What the page knows. */
export interface Shown {
  view: View | undefined;
  /** The service is away since, ms since the epoch. */
  lost: number | undefined;
  /** A wish that was said and not yet answered. */
  asked: Wish | undefined;
  problem: { message: string; hint?: string } | undefined;
}

export interface AppProps {
  shown: Shown;
  language: Language;
  onWish(wish: Wish): void;
  onLanguage(language: Language): void;
  onDismiss(): void;
}

export function App({ shown, language, onWish, onLanguage, onDismiss }: AppProps) {
  const words = TEXTS[language];
  useEffect(() => {
    document.documentElement.lang = localeOf(language);
    document.title = words.title;
  }, [language, words]);
  const status = shown.view?.status;
  const silent = silence(shown, words, language);
  return (
    <>
      <main>
        <div class="heading" aria-live="polite">
          {status && <Heading status={status} words={words} />}
          {!status && silent && <Silent {...silent} />}
        </div>
        {status && (
          <>
            {silent && <Notice kind="warn" title={silent.title} text={silent.text} />}
            <Picture status={status} words={words} />
            <MovePanel
              status={status}
              words={words}
              asked={shown.asked}
              silent={silent !== undefined}
              onWish={onWish}
            />
            {shown.problem && (
              <Notice
                kind="bad"
                title={words.problem}
                text={[shown.problem.message, shown.problem.hint].filter(Boolean).join(' ')}
                close={{ label: words.close, onPress: onDismiss }}
              />
            )}
            {!shown.problem && status.notice && !status.move && (
              <Notice kind="warn" title={words.problem} text={status.notice.text} />
            )}
            <CopyPanel
              status={status}
              language={language}
              asked={shown.asked}
              silent={silent !== undefined}
              onWish={onWish}
            />
          </>
        )}
      </main>
      <footer>
        {/* nothing about a link that nobody vouches for now */}
        <span class={`link ${silent ? 'none' : linkKind(status)}`}>
          {status && !silent ? linkText(status, words, language) : ''}
        </span>
        <span class="languages">
          {(['en', 'pt'] as const).map((other) => (
            <button
              key={other}
              type="button"
              class="language"
              lang={localeOf(other)}
              aria-pressed={other === language}
              onClick={() => onLanguage(other)}
            >
              {TEXTS[other].name}
            </button>
          ))}
        </span>
      </footer>
    </>
  );
}

function Heading({ status, words }: { status: AgentStatus; words: Texts }) {
  const { move, place } = status;
  return (
    <>
      <h1>{move ? words.moving[move.to] : words.place[place].title}</h1>
      <p>{move ? words.phase[move.phase] : words.place[place].text}</p>
    </>
  );
}

function Silent({ title, text }: { title: string; text: string }) {
  return (
    <>
      <h1>{title}</h1>
      <p>{text}</p>
    </>
  );
}

interface NoticeProps {
  kind: 'warn' | 'bad';
  title: string;
  text: string;
  close?: { label: string; onPress(): void };
}

function Notice({ kind, title, text, close }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role="alert">
      <div>
        <strong>{title}</strong>
        <p>{text}</p>
      </div>
      {close && (
        <button type="button" class="button secondary" onClick={close.onPress}>
          {close.label}
        </button>
      )}
    </div>
  );
}

/** Why what is shown may be old, or undefined. */
function silence({ view, lost }: Shown, words: Texts, language: Language): { title: string; text: string } | undefined {
  if (lost !== undefined) return words.host.noService;
  if (view === undefined || view.host.kind === 'there') return undefined;
  const { title, text } = words.host[view.host.kind];
  return { title: `${title} (${words.since(moment(language, new Date(view.host.since)))})`, text };
}

function linkKind(status: AgentStatus | undefined): string {
  if (!status?.pc) return 'none';
  return status.link.connected ? 'up' : 'down';
}

function linkText({ pc, link }: AgentStatus, words: Texts, language: Language): string {
  if (!pc) return words.link.none;
  if (link.connected) return words.link.up;
  return words.link.down(link.since === undefined ? '—' : moment(language, new Date(link.since)));
}
