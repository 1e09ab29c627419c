import { useLayoutEffect, useRef } from 'preact/hooks';
import { useKiosk } from '../context.ts';
import { useId } from '../hooks.ts';
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
    const question = dialog.current;
    question?.showModal();
    cancel.current?.focus();
    // Closing gives the focus back to where it was; taking the element away without closing does not.
    return () => question?.close();
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
