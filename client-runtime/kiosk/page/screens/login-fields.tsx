import type { Ref } from 'preact';
import { useState } from 'preact/hooks';
import { useKiosk } from '../context.ts';
import { useId } from '../hooks.ts';
import { Icon } from '../parts/icon.tsx';

interface FieldProps {
  label: string;
  inputRef: Ref<HTMLInputElement>;
  readOnly: boolean;
  /** What is wrong with what is in the field, said below it. */
  problem: string | undefined;
  onInput: () => void;
}

export function TextField({ label, inputRef, readOnly, problem, onInput }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="input-row">
        <input
          id={id}
          ref={inputRef}
          type="text"
          name="user"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          maxLength={64}
          readOnly={readOnly}
          aria-invalid={problem !== undefined}
          aria-describedby={problem ? `${id}-problem` : undefined}
          onInput={onInput}
        />
      </div>
      {problem && <FieldProblem id={`${id}-problem`} text={problem} />}
    </div>
  );
}

/** The same with dots, a button that shows what is typed, and a hint when Caps Lock is on. */
export function PasswordField({ label, inputRef, readOnly, problem, onInput }: FieldProps) {
  const { texts } = useKiosk();
  const [shown, setShown] = useState(false);
  const [capsLock, setCapsLock] = useState(false);
  const id = useId();
  const watchCapsLock = (event: KeyboardEvent | MouseEvent) => setCapsLock(event.getModifierState('CapsLock'));
  const described = [problem && `${id}-problem`, capsLock && `${id}-caps`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="input-row">
        <input
          id={id}
          ref={inputRef}
          {...(shown ? { type: 'text' as const } : { type: 'password' as const })}
          name="password"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          maxLength={256}
          readOnly={readOnly}
          aria-invalid={problem !== undefined}
          aria-describedby={described || undefined}
          onInput={onInput}
          onKeyDown={watchCapsLock}
          onKeyUp={watchCapsLock}
          onMouseDown={watchCapsLock}
          onBlur={() => setCapsLock(false)}
        />
        <button
          type="button"
          class="icon-button in-field"
          aria-label={shown ? texts.login.hide : texts.login.show}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
        >
          <Icon name={shown ? 'eyeOff' : 'eye'} />
        </button>
      </div>
      <p class="field-hint" id={`${id}-caps`} role="status">
        {capsLock && (
          <>
            <Icon name="warning" />
            {texts.login.capsLock}
          </>
        )}
      </p>
      {problem && <FieldProblem id={`${id}-problem`} text={problem} />}
    </div>
  );
}

function FieldProblem({ id, text }: { id: string; text: string }) {
  return (
    <p class="field-problem" id={id} role="alert">
      {text}
    </p>
  );
}
