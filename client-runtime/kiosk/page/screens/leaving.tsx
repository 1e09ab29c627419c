import type { GoingAway, LeavingStep, Screen } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { Button } from '../parts/button.tsx';
import { Icon } from '../parts/icon.tsx';
import { Spinner } from '../parts/spinner.tsx';
import { Track } from '../parts/track.tsx';
import { bytes, percent } from '../texts/format.ts';
import { whyText } from '../texts/why.ts';
import { timeLeft } from './copy-panel.tsx';
import { Plain } from './plain.tsx';

/** A desktop is kept on this PC: before the PC is left, it goes back, or the person decides. */
export function Leaving({ action, desktop, step }: Omit<Extract<Screen, { kind: 'leaving' }>, 'kind'>) {
  const { texts, send } = useKiosk();
  const words = texts.copies.leaving;
  if (step.kind === 'asking') return <Asking action={action} desktop={desktop} why={step.why} />;
  return (
    <Plain picture={<Spinner />} title={words.title[action]}>
      <p class="step" role="status">
        {sentence(step, desktop, words)}
      </p>
      <LeavingProgress step={step} />
      {step.kind !== 'shuttingDown' && (
        <div class="actions centre">
          <Button onPress={() => send({ do: 'stay' })}>{words.stay}</Button>
        </div>
      )}
    </Plain>
  );
}

type Words = ReturnType<typeof useKiosk>['texts']['copies']['leaving'];

function sentence(step: Exclude<LeavingStep, { kind: 'asking' }>, desktop: string, words: Words): string {
  switch (step.kind) {
    case 'moving':
      return words.moving(desktop);
    case 'syncing':
      return words.syncing(desktop);
    case 'finishing':
      return words.finishing(desktop);
    case 'shuttingDown':
      return words.shuttingDown(desktop);
  }
}

function LeavingProgress({ step }: { step: LeavingStep }) {
  const { texts, language } = useKiosk();
  if (step.kind !== 'moving' && step.kind !== 'syncing') return null;
  const text = percent(language, step.percent);
  const left =
    step.kind === 'syncing' && step.secondsLeft !== undefined
      ? ` · ${timeLeft(step.secondsLeft, texts, language)}`
      : '';
  const size = step.kind === 'syncing' ? ` · ${texts.copies.leaving.left(bytes(language, step.bytesLeft))}` : '';
  const label = step.kind === 'moving' ? texts.copies.move.toServer : texts.copies.state.toServer;
  return (
    <div class="leaving-progress">
      <Track
        at={step.kind === 'moving' ? 'pc' : 'server'}
        pc={texts.copies.place.here}
        joined="yes"
        progress={{ percent: step.percent, to: 'server', label, text }}
      />
      <p class="soft">
        {text}
        {size}
        {left}
      </p>
    </div>
  );
}

function Asking({ action, desktop, why }: { action: GoingAway; desktop: string; why: Parameters<typeof whyText>[2] }) {
  const { texts, language, send } = useKiosk();
  const words = texts.copies.leaving;
  return (
    <Plain
      picture={
        <div class="badge-icon warning">
          <Icon name="warning" />
        </div>
      }
      title={words.askingTitle(desktop)}
    >
      <p class="step" role="alert">
        {whyText(texts, language, why)}
      </p>
      <p>{words.askingMore}</p>
      <div class="actions centre">
        <Button kind="primary" onPress={() => send({ do: 'retryNow' })}>
          {words.tryAgain}
        </Button>
        <Button onPress={() => send({ do: 'stay' })}>{words.stay}</Button>
        <Button kind="danger" onPress={() => send({ do: 'leaveAnyway' })}>
          {words.leaveAnyway[action]}
        </Button>
      </div>
    </Plain>
  );
}
