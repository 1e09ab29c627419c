import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { LoginProblem } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { secondsUntil, useId, useNow } from '../hooks.ts';
import { Icon } from '../parts/icon.tsx';
import { PasswordField, TextField } from './login-fields.tsx';
import { LoginProblemMessage } from './login-problem.tsx';

export interface LoginProps {
  busy: boolean;
  problem: LoginProblem | undefined;
  serverName: string | undefined;
}

/**
 * User and password. The fields are the only place that holds the password: it is read when the form is sent, and the
 * field is emptied in the same moment.
 */
export function Login({ busy, problem, serverName }: LoginProps) {
  const { texts, send } = useKiosk();
  const user = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const [missing, setMissing] = useState<'user' | 'password'>();
  // Between sending and the runtime's answer, a second Enter must not count as a second attempt.
  const [sent, setSent] = useState(false);
  const id = useId();
  const lockedUntil = problem?.kind === 'lockedOut' ? problem.until : 0;
  const locked = secondsUntil(lockedUntil, useNow(lockedUntil > 0)) > 0;
  const waiting = busy || sent;

  useLayoutEffect(() => {
    if (waiting || document.activeElement?.closest('dialog, [role="menu"]')) return;
    (user.current?.value ? password : user).current?.focus();
  }, [waiting]);
  // Any answer ends the waiting, also the same one again.
  useEffect(() => {
    setSent(false);
  }, [busy, problem]);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (waiting || locked || !user.current || !password.current) return;
    const empty = user.current.value.trim() === '' ? 'user' : password.current.value === '' ? 'password' : undefined;
    setMissing(empty);
    if (empty) return (empty === 'user' ? user : password).current?.focus();
    if (!send({ do: 'logIn', user: user.current.value.trim(), password: password.current.value })) return;
    password.current.value = '';
    setSent(true);
  };

  return (
    <section class="card login" aria-labelledby={id}>
      <div class="login-head">
        <h1 id={id}>{texts.login.title}</h1>
        <p>{serverName ? texts.login.intro(serverName) : texts.login.introNoName}</p>
      </div>
      {problem && !waiting && <LoginProblemMessage problem={problem} />}
      <form onSubmit={submit} noValidate aria-busy={waiting}>
        <TextField
          label={texts.login.user}
          inputRef={user}
          readOnly={waiting}
          problem={missing === 'user' ? texts.login.userMissing : undefined}
          onInput={() => setMissing(undefined)}
        />
        <PasswordField
          label={texts.login.password}
          inputRef={password}
          readOnly={waiting}
          problem={missing === 'password' ? texts.login.passwordMissing : undefined}
          onInput={() => setMissing(undefined)}
        />
        <button type="submit" class="button primary large" aria-disabled={waiting || locked}>
          <span>{waiting ? texts.login.busy : texts.login.submit}</span>
          {!waiting && <Icon name="arrow" />}
        </button>
      </form>
    </section>
  );
}
