import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { DiskChoice } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { useId } from '../hooks.ts';
import { Button } from '../parts/button.tsx';
import { bytes } from '../texts/format.ts';
import { contentsText, Serial, serialEnd } from './disk-option.tsx';

export interface DiskQuestionProps {
  choice: DiskChoice;
  onConfirm: () => void;
  onCancel: () => void;
}

/**
 * The last question before a disk is overwritten. Neither a click nor Enter can answer it by accident: the end of the
 * serial number has to be typed, which can only be read where the disk is described.
 */
export function DiskQuestion({ choice, onConfirm, onCancel }: DiskQuestionProps) {
  const { texts, language } = useKiosk();
  const words = texts.copies.disks;
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState('');
  const [wrong, setWrong] = useState(false);
  const [title, text, problem] = [useId(), useId(), useId()];
  const end = serialEnd(choice.disk);
  const right = typed.trim().toLowerCase() === end.toLowerCase();
  useLayoutEffect(() => {
    const question = dialog.current;
    question?.showModal();
    input.current?.focus();
    return () => question?.close();
  }, []);
  const confirm = () => (right ? onConfirm() : setWrong(true));
  return (
    <dialog
      class="confirm disk-question"
      ref={dialog}
      aria-labelledby={title}
      aria-describedby={text}
      onCancel={(event) => {
        event.preventDefault();
        onCancel();
      }}
    >
      <h2 id={title}>{words.question(choice.disk.model || words.thisDisk)}</h2>
      <p id={text}>{words.questionText}</p>
      <dl class="detail">
        <div>
          <dt>{words.contents}</dt>
          <dd>{contentsText(choice, texts, language)}</dd>
        </div>
        <div>
          <dt>{words.serial}</dt>
          <dd>
            <Serial disk={choice.disk} /> · {bytes(language, choice.disk.bytes)}
          </dd>
        </div>
      </dl>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          confirm();
        }}
      >
        <div class="field">
          <label>
            {words.typeThis(end)}
            <input
              ref={input}
              class="typed"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              maxLength={end.length}
              value={typed}
              aria-label={words.typed}
              aria-invalid={wrong}
              aria-describedby={problem}
              onInput={(event) => {
                setTyped(event.currentTarget.value);
                setWrong(false);
              }}
            />
          </label>
          <p class="field-problem" id={problem} role="alert">
            {wrong ? words.wrong(end) : ''}
          </p>
        </div>
        <div class="actions end">
          <Button onPress={onCancel}>{texts.common.cancel}</Button>
          <Button kind="danger" disabled={!right} onPress={confirm}>
            {words.confirm}
          </Button>
        </div>
      </form>
    </dialog>
  );
}
