import { useRef } from 'preact/hooks';
import type { LinkProblem } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { secondsUntil, useFirstFocus, useId, useNow } from '../hooks.ts';
import { Button } from '../parts/button.tsx';
import { Icon } from '../parts/icon.tsx';
import { duration } from '../texts/format.ts';
import { PROBLEM_ICONS, ProblemDetail, problemText } from './link-problem.tsx';

/** Why there is no server, what can be done, and when the next attempt is. */
export function NoServer({ problem, nextTryAt }: { problem: LinkProblem; nextTryAt: number }) {
  const { texts, send } = useKiosk();
  const action = useRef<HTMLButtonElement>(null);
  const id = useId();
  useFirstFocus(action);
  const { title, tries } = texts.noServer.problems[problem.kind];
  // The file is only read at start-up: trying again without a restart would change nothing.
  const restartHelps = problem.kind === 'noServerConfigured';
  return (
    <section class="card wide" aria-labelledby={id}>
      <div class="card-head">
        <div class="badge-icon warning">
          <Icon name={PROBLEM_ICONS[problem.kind]} />
        </div>
        <div role="alert">
          <h1 id={id}>{title}</h1>
          <p>{problemText(texts, problem)}</p>
        </div>
      </div>
      <h2>{texts.noServer.whatToTry}</h2>
      <ul class="tries">
        {tries.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <ProblemDetail problem={problem} />
      <div class="actions between">
        <WhatNext restartHelps={restartHelps} nextTryAt={nextTryAt} />
        {restartHelps ? (
          <Button kind="primary" icon="restart" buttonRef={action} onPress={() => send({ do: 'restart' })}>
            {texts.power.restart}
          </Button>
        ) : (
          <Button kind="primary" icon="restart" buttonRef={action} onPress={() => send({ do: 'retryNow' })}>
            {texts.common.tryNow}
          </Button>
        )}
      </div>
    </section>
  );
}

function WhatNext({ restartHelps, nextTryAt }: { restartHelps: boolean; nextTryAt: number }) {
  const { texts } = useKiosk();
  if (restartHelps) return <p class="soft">{texts.noServer.restartToRead}</p>;
  if (nextTryAt === 0) return <p class="soft">{texts.noServer.noticesItself}</p>;
  return <NextTry at={nextTryAt} />;
}

function NextTry({ at }: { at: number }) {
  const { texts, language } = useKiosk();
  const seconds = secondsUntil(at, useNow());
  return (
    <p class="soft" role="timer">
      {seconds > 0 ? texts.noServer.retryIn(duration(language, seconds)) : texts.noServer.trying}
    </p>
  );
}
