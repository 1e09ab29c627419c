import { useCallback } from 'preact/hooks';
import type { Screen } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { secondsSince, useEscape, useNow } from '../hooks.ts';
import { Button } from '../parts/button.tsx';
import { Spinner } from '../parts/spinner.tsx';
import { duration } from '../texts/format.ts';
import { said } from '../texts/said.ts';
import { Plain } from './plain.tsx';

/** Seconds after which the wait is explained. */
const EXPLAIN_AFTER_S = 15;

/** A desktop on its way. The button does not get the focus: Enter pressed twice would call it off again. */
export function Opening({ desktop, step, since, dark }: Omit<Extract<Screen, { kind: 'opening' }>, 'kind'>) {
  const { texts, language, send } = useKiosk();
  const seconds = secondsSince(since, useNow());
  useEscape(useCallback(() => send({ do: 'cancelOpening' }), [send]));
  return (
    <Plain picture={<Spinner />} title={dark ? texts.opening.dark(desktop) : texts.opening.title(desktop)}>
      <p class="step" role="status">
        {dark ? texts.opening.darkMore : said(language, step)}
      </p>
      <p class="soft" role="timer">
        {texts.opening.elapsed(duration(language, seconds))}
      </p>
      {seconds >= EXPLAIN_AFTER_S && <p class="soft">{texts.opening.patience}</p>}
      <div class="actions centre">
        {dark && (
          <Button kind="primary" onPress={() => send({ do: 'showPicture' })}>
            {texts.opening.showNow}
          </Button>
        )}
        <Button onPress={() => send({ do: 'cancelOpening' })}>{texts.common.cancel}</Button>
      </div>
    </Plain>
  );
}
