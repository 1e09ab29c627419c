import type { LinkProblem } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { secondsSince, useNow } from '../hooks.ts';
import { Button } from '../parts/button.tsx';
import { Icon } from '../parts/icon.tsx';
import { duration } from '../texts/format.ts';
import { PROBLEM_ICONS, ProblemDetail, problemText } from './link-problem.tsx';
import { Plain } from './plain.tsx';

export interface ServerLostProps {
  since: number;
  problem: LinkProblem;
  desktop: string | undefined;
  here: { id: string; name: string } | undefined;
}

/** The server went away while the person was logged in. */
export function ServerLost({ since, problem, desktop, here }: ServerLostProps) {
  const { texts, language, send } = useKiosk();
  const seconds = secondsSince(since, useNow());
  const words = texts.serverLost;
  return (
    <Plain
      picture={
        <div class="badge-icon warning">
          <Icon name={PROBLEM_ICONS[problem.kind]} />
        </div>
      }
      title={words.title}
    >
      <p class="soft" role="timer">
        {words.since(duration(language, seconds))}
      </p>
      <p class="step" role="status">
        {texts.noServer.problems[problem.kind].title}. {problemText(texts, problem)}
      </p>
      <p>
        {here ? words.here(here.name) : desktop === undefined ? words.noDesktop : words.desktop(desktop)}{' '}
        {words.comesBack}
      </p>
      <ProblemDetail problem={problem} />
      <div class="actions centre">
        {here && (
          <Button kind="primary" onPress={() => send({ do: 'openDesktop', id: here.id })}>
            {words.openHere(here.name)}
          </Button>
        )}
        <Button icon="restart" onPress={() => send({ do: 'retryNow' })}>
          {texts.common.tryNow}
        </Button>
        <Button icon="logOut" onPress={() => send({ do: 'logOut' })}>
          {texts.common.logOut}
        </Button>
      </div>
    </Plain>
  );
}
