import type { ComponentChildren, Ref } from 'preact';
import { Icon, type IconName } from './icon.tsx';

export interface ButtonProps {
  children: ComponentChildren;
  onPress: () => void;
  kind?: 'primary' | 'secondary' | 'danger' | 'quiet';
  icon?: IconName;
  /** The accessible name, where the visible text alone does not say which thing is meant. */
  label?: string;
  disabled?: boolean | undefined;
  /** Id of the element that says why it is disabled: the button can still be reached, and does nothing. */
  why?: string | undefined;
  small?: boolean;
  buttonRef?: Ref<HTMLButtonElement>;
}

export function Button(props: ButtonProps) {
  const { children, onPress, kind = 'secondary', icon, label, disabled, why, small, buttonRef } = props;
  return (
    <button
      type="button"
      class={`button ${kind}${small ? ' small' : ''}`}
      ref={buttonRef ?? null}
      aria-label={label}
      aria-describedby={why}
      aria-disabled={why === undefined ? undefined : true}
      disabled={disabled}
      onClick={why === undefined ? onPress : undefined}
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
