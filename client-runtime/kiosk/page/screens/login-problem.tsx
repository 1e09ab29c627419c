import type { LoginProblem } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { secondsUntil, useNow } from '../hooks.ts';
import { Message } from '../parts/message.tsx';
import { duration } from '../texts/format.ts';

/** Why the last log-in did not work, or why the person has to log in again. */
export function LoginProblemMessage({ problem }: { problem: LoginProblem }) {
  const { texts } = useKiosk();
  const { login } = texts;
  switch (problem.kind) {
    case 'wrongLogin':
      return (
        <Message kind="error" title={login.wrongLogin}>
          <p>{login.wrongLoginMore}</p>
        </Message>
      );
    case 'lockedOut':
      return <LockedOut until={problem.until} />;
    case 'sessionEnded':
      return <Message kind="info" title={login.ended[problem.reason]} />;
    case 'failed':
      return (
        <Message kind="error" title={login.failed}>
          <p>{login.failedMore}</p>
          <p class="small-detail">{problem.detail}</p>
        </Message>
      );
  }
}

function LockedOut({ until }: { until: number }) {
  const { texts, language } = useKiosk();
  const seconds = secondsUntil(until, useNow());
  if (seconds === 0) return <Message kind="info" title={texts.login.lockedOutOver} />;
  return (
    <Message kind="error" title={texts.login.lockedOut}>
      <p role="timer">{texts.login.lockedOutMore(duration(language, seconds))}</p>
    </Message>
  );
}
