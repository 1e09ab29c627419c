import type { AgentStatus, Wish } from '#common/protocol/host-guest.ts';
import type { Texts } from '../../texts/texts.ts';
import { WishButton } from './wish-button.tsx';

export interface MovePanelProps {
  status: AgentStatus;
  words: Texts;
  asked: Wish | undefined;
  /** Nobody would hear a wish. */
  silent: boolean;
  onWish(wish: Wish): void;
}

/** The arrow to the other machine; while the desktop moves, how far it is and the way to call it off. */
export function MovePanel({ status, words, asked, silent, onWish }: MovePanelProps) {
  const { move, place, can } = status;
  if (move) {
    return (
      <section class="panel move" key="moving">
        <Progress percent={move.percent} label={words.moving[move.to]} />
        <WishButton wish="cancelMove" can={can.cancelMove} {...{ words, asked, silent, onWish }} />
      </section>
    );
  }
  const wish = place === 'server' ? 'moveHere' : 'moveToServer';
  return (
    // a key each: the button that is about to stop a move must not take over the focus of the one that began it
    <section class="panel move" key={wish}>
      <WishButton
        wish={wish}
        can={can[wish]}
        arrow={place === 'server' ? 'right' : 'left'}
        explain={words.wishText[wish]}
        {...{ words, asked, silent, onWish }}
      />
    </section>
  );
}

export function Progress({ percent, label }: { percent: number; label: string }) {
  const whole = Math.max(0, Math.min(100, Math.floor(percent)));
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuenow={whole}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <div class="bar" style={{ width: `${whole}%` }} />
      <span>{whole} %</span>
    </div>
  );
}
