import { useEffect } from 'preact/hooks';
import { useKiosk } from '../context.ts';
import { secondsSince, useNow } from '../hooks.ts';
import { Button } from '../parts/button.tsx';
import { Spinner } from '../parts/spinner.tsx';
import { duration } from '../texts/format.ts';
import { Plain } from './plain.tsx';

/** Seconds after which the wait is explained. */
const EXPLAIN_AFTER_S = 15;

/** A desktop on its way. The button does not get the focus: Enter pressed twice would call it off again. */
export function Opening({ desktop, step, since }: { desktop: string; step: string; since: number }) {
  const { texts, language, send } = useKiosk();
  const seconds = secondsSince(since, useNow());
  useEffect(() => {
    const cancelByKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]'))
        send({ do: 'cancelOpening' });
    };
    document.addEventListener('keydown', cancelByKey);
    return () => document.removeEventListener('keydown', cancelByKey);
  }, [send]);
  return (
    <Plain picture={<Spinner />} title={texts.opening.title(desktop)}>
      <p class="step" role="status">
        {step}
      </p>
      <p class="soft" role="timer">
        {texts.opening.elapsed(duration(language, seconds))}
      </p>
      {seconds >= EXPLAIN_AFTER_S && <p class="soft">{texts.opening.patience}</p>}
      <div class="actions centre">
        <Button onPress={() => send({ do: 'cancelOpening' })}>{texts.common.cancel}</Button>
      </div>
    </Plain>
  );
}
