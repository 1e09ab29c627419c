import type { AgentStatus, Wish } from '#common/protocol/host-guest.ts';
import { roughTime, size } from '../../texts/format.ts';
import { type Language, TEXTS } from '../../texts/texts.ts';
import { Progress } from './move-panel.tsx';
import { WishButton } from './wish-button.tsx';

export interface CopyPanelProps {
  status: AgentStatus;
  language: Language;
  asked: Wish | undefined;
  silent: boolean;
  onWish(wish: Wish): void;
}

/** How the copy of the disk is getting on, and pause or resume. */
export function CopyPanel({ status, language, asked, silent, onWish }: CopyPanelProps) {
  const words = TEXTS[language];
  const { sync, can } = status;
  const { title, text } = sentences(status, language);
  const wish = sync.kind === 'paused' ? 'resume' : 'pause';
  const offered = sync.kind === 'paused' || sync.kind === 'syncing' || sync.kind === 'behind';
  return (
    <section class={`panel copy-state ${sync.kind}`}>
      <div class="words" aria-live="polite">
        <h2>{title}</h2>
        {text !== '' && <p>{text}</p>}
        {'percent' in sync && sync.percent !== undefined && <Progress percent={sync.percent} label={title} />}
      </div>
      {offered && <WishButton wish={wish} can={can[wish]} {...{ words, asked, silent, onWish }} />}
    </section>
  );
}

function sentences({ sync, complete }: AgentStatus, language: Language): { title: string; text: string } {
  const words = TEXTS[language];
  const title = words.sync[sync.kind];
  const whole = complete ? words.complete : '';
  switch (sync.kind) {
    case 'syncing':
      return {
        title: words.syncing[sync.to],
        text: words.left({
          size: size(language, sync.bytesLeft),
          speed: size(language, sync.bytesPerSecond),
          time: sync.secondsLeft === undefined ? undefined : roughTime(language, sync.secondsLeft),
        }),
      };
    case 'behind':
      return { title, text: words.behindMore(size(language, sync.bytesLeft)) };
    case 'preparing':
      return { title, text: words.sync.preparingMore };
    case 'failed':
      return { title, text: [sync.reason, sync.hint].filter(Boolean).join(' ') };
    default:
      return { title, text: whole };
  }
}
