import type { ComponentChildren, Ref } from 'preact';
import { Icon, type IconName } from './icon.tsx';

export interface ButtonProps {
  children: ComponentChildren;
  onPress: () => void;
  kind?: 'primary' | 'secondary' | 'danger';
  icon?: IconName;
  /** The accessible name, where the visible text alone does not say which thing is meant. */
  label?: string;
  disabled?: boolean;
  buttonRef?: Ref<HTMLButtonElement>;
}

export function Button({ children, onPress, kind = 'secondary', icon, label, disabled, buttonRef }: ButtonProps) {
  return (
    <button
      type="button"
      class={`button ${kind}`}
      ref={buttonRef ?? null}
      aria-label={label}
      disabled={disabled}
      onClick={onPress}
      onKeyDown={ignoreHeldKey}
    >
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

/**
 * Enter held a little too long must not press the button of the next screen as well: a held key repeats, and
 * browsers turn each repeat into a click.
 */
export function ignoreHeldKey(event: KeyboardEvent): void {
  if (event.repeat && event.key === 'Enter') event.preventDefault();
}
