import { useId } from 'preact/hooks';
import type { Can, Wish } from '#common/protocol/host-guest.ts';
import type { Texts } from '../../texts/texts.ts';

export interface WishButtonProps {
  wish: Wish;
  can: Can;
  words: Texts;
  asked: Wish | undefined;
  silent: boolean;
  onWish(wish: Wish): void;
  /** The big button, with an arrow to where the desktop would go. */
  arrow?: 'left' | 'right';
  explain?: string;
}

/**
 * A wish as a button. One that is not possible stays where it is, can be reached by keyboard, and says why below it.
 */
export function WishButton({ wish, can, words, asked, silent, onWish, arrow, explain }: WishButtonProps) {
  const id = useId();
  const reason = can.possible ? undefined : (can.text ?? words.whyNot[can.why]);
  const dead = !can.possible || silent || asked !== undefined;
  return (
    <div class={`wish ${arrow ? 'big' : ''}`}>
      <button
        type="button"
        class={`button ${arrow ? 'primary' : 'secondary'}`}
        aria-disabled={dead}
        aria-describedby={id}
        onClick={() => !dead && onWish(wish)}
        onKeyDown={(event) => event.repeat && event.key === 'Enter' && event.preventDefault()}
      >
        {arrow === 'left' && <Arrow left />}
        <span>{asked === wish ? words.asked : words.wish[wish]}</span>
        {arrow === 'right' && <Arrow />}
      </button>
      <p id={id} class="why">
        {reason ?? explain ?? ''}
      </p>
    </div>
  );
}

function Arrow({ left }: { left?: boolean }) {
  return (
    <svg class="arrow" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={left ? 'M20 12H4M11 5l-7 7 7 7' : 'M4 12h16M13 5l7 7-7 7'} />
    </svg>
  );
}
