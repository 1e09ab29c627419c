import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { useKiosk } from '../context.ts';
import { Button } from './button.tsx';

export interface ConfirmProps {
  title: string;
  text: string;
  /** What the button that goes ahead says. */
  action: string;
  onConfirm: () => void;
  onCancel: () => void;
}

/**
 * Asks before something that cannot be taken back. The browser's own modal dialog keeps the focus inside and gives it
 * back afterwards; Escape and the first button, which has the focus, leave everything as it is.
 */
export function Confirm({ title, text, action, onConfirm, onCancel }: ConfirmProps) {
  const { texts } = useKiosk();
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const titleId = useId();
  const textId = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    cancel.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      class="confirm"
      ref={dialog}
      aria-labelledby={titleId}
      aria-describedby={textId}
      onCancel={(event) => {
        event.preventDefault();
        onCancel();
      }}
    >
      <h2 id={titleId}>{title}</h2>
      <p id={textId}>{text}</p>
      <div class="actions end">
        <Button buttonRef={cancel} onPress={onCancel}>
          {texts.common.cancel}
        </Button>
        <Button kind="danger" onPress={onConfirm}>
          {action}
        </Button>
      </div>
    </dialog>
  );
}
