import { useState } from 'preact/hooks';
import type { Attachment, Desktop, SyncState } from '#common/protocol/desktop.ts';
import type { KioskCommand, Language, Offer } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { useNow } from '../hooks.ts';
import { Button } from '../parts/button.tsx';
import { Confirm } from '../parts/confirm.tsx';
import { Track, type TrackProps } from '../parts/track.tsx';
import { bytes, clock, estimate, percent, speed } from '../texts/format.ts';
import { said, saidAlone } from '../texts/said.ts';
import type { Texts } from '../texts/texts.ts';

/** Where a desktop is, its copy on a PC with what can be done about it, and its way from one to the other. */
export function CopyPanel({ desktop, offer }: { desktop: Desktop; offer: Offer }) {
  const { texts, language } = useKiosk();
  const { attachment, move } = desktop;
  const { place } = offer;
  const words = texts.copies;
  if (!attachment && !move && place.kind === 'server') return null;
  const elsewhere =
    place.kind === 'otherPc' ? place.name : offer.copy === 'elsewhere' ? attachment?.pc.name : undefined;
  const pc = elsewhere === undefined ? words.place.here : words.place.otherPc(elsewhere);
  const track = { at: place.kind === 'server' ? 'server' : 'pc', pc } as const;
  if (move) return <MovePanel desktop={desktop} move={move} track={track} />;
  if (place.kind === 'otherPc' && !place.reachable)
    return (
      <div class="copy">
        <Track {...track} joined="no" />
        <p class="copy-title">{words.place.unreachableSince(place.name)}</p>
      </div>
    );
  if (!attachment) return null;
  if (elsewhere !== undefined)
    return (
      <div class="copy">
        <Track {...track} joined={attachment.state.kind === 'disconnected' ? 'no' : 'yes'} />
        <p class="copy-title">{words.state.otherPc(elsewhere)}</p>
      </div>
    );
  return <OwnCopy desktop={desktop} attachment={attachment} track={track} language={language} texts={texts} />;
}

type TrackEnds = Pick<TrackProps, 'at' | 'pc'>;

function MovePanel({
  desktop,
  move,
  track,
}: {
  desktop: Desktop;
  move: NonNullable<Desktop['move']>;
  track: TrackEnds;
}) {
  const { texts, language, send } = useKiosk();
  const words = texts.copies;
  const sync = desktop.attachment?.state;
  // one that is off goes when both disks are the same: that is what there is to see meanwhile
  const waits = desktop.state.kind === 'off' && move.phase === 'preparing' && sync && sync.kind !== 'inSync';
  const label = waits ? words.move.whenSame : move.to === 'pc' ? words.move.toPc : words.move.toServer;
  const shown = waits ? describe(sync, { texts, language, now: Date.now() }) : undefined;
  const text = shown?.title ?? `${words.move[move.phase]}, ${percent(language, move.percent)}`;
  const line: Pick<TrackProps, 'joined' | 'progress'> = waits
    ? lineOf(sync, texts, language)
    : { joined: 'yes', progress: { percent: move.percent, to: move.to, label, text } };
  const canCancel = move.phase === 'preparing' || move.phase === 'copyingMemory';
  return (
    <div class="copy moving" role="status">
      <Track {...track} {...line} />
      <div class="copy-row">
        <div class="copy-text">
          <p class="copy-title">{label}</p>
          <p class="soft">{[text, shown?.more].filter(Boolean).join(' · ')}</p>
        </div>
        {canCancel && (
          <Button
            small
            label={words.actions.named(words.actions.cancelMove, label)}
            onPress={() => send({ do: 'cancelMove', id: desktop.id })}
          >
            {words.actions.cancelMove}
          </Button>
        )}
      </div>
    </div>
  );
}

interface OwnCopyProps {
  desktop: Desktop;
  attachment: Attachment;
  track: TrackEnds;
  language: Language;
  texts: Texts;
}

function OwnCopy({ desktop, attachment, track, language, texts }: OwnCopyProps) {
  const { send } = useKiosk();
  const [asking, setAsking] = useState(false);
  const { state } = attachment;
  const { actions } = texts.copies;
  const now = useNow(state.kind === 'disconnected');
  const { title, more } = describe(state, { texts, language, now });
  const act = (what: 'pause' | 'resume', command: KioskCommand) => (
    <Button
      small
      icon={what === 'pause' ? 'pause' : 'play'}
      label={actions.named(actions[what], desktop.name)}
      onPress={() => send(command)}
    >
      {actions[what]}
    </Button>
  );
  return (
    <div class={`copy ${state.kind}`}>
      <Track {...track} {...lineOf(state, texts, language)} />
      <div class="copy-text" role={state.kind === 'failed' ? 'alert' : 'status'}>
        <p class="copy-title">{title}</p>
        {more && <p class="soft">{more}</p>}
      </div>
      {state.kind !== 'detaching' && (
        <div class="copy-actions">
          {(state.kind === 'syncing' || state.kind === 'behind') && act('pause', { do: 'pauseCopy', id: desktop.id })}
          {state.kind === 'paused' && act('resume', { do: 'resumeCopy', id: desktop.id })}
          {track.at === 'server' && (
            <Button
              small
              kind="quiet"
              label={actions.named(actions.stop, desktop.name)}
              onPress={() => setAsking(true)}
            >
              {actions.stop}
            </Button>
          )}
        </div>
      )}
      {asking && (
        <Confirm
          title={actions.confirmStop(desktop.name)}
          text={actions.confirmStopText}
          action={actions.stop}
          onCancel={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false);
            send({ do: 'stopCopy', id: desktop.id });
          }}
        />
      )}
    </div>
  );
}

interface Words {
  texts: Texts;
  language: Language;
  now: number;
}

function describe(state: SyncState, { texts, language, now }: Words): { title: string; more?: string } {
  const words = texts.copies.state;
  switch (state.kind) {
    case 'preparing': {
      const share = state.percent === undefined ? [] : [percent(language, state.percent)];
      return { title: words.preparing, more: [said(language, state.step), ...share].join(': ') };
    }
    case 'syncing': {
      const rate = state.bytesPerSecond > 0 ? [speed(language, state.bytesPerSecond)] : [];
      const { secondsLeft } = state;
      const left = secondsLeft === undefined ? [] : [timeLeft(secondsLeft, texts, language)];
      const title = `${state.to === 'pc' ? words.toPc : words.toServer}: ${percent(language, state.percent)}`;
      return { title, more: [...rate, ...left].join(' · ') };
    }
    case 'paused':
      return { title: words.paused(percent(language, state.percent)) };
    case 'inSync':
      return { title: words.inSync };
    case 'behind':
      return { title: words.behind(bytes(language, state.bytesLeft)), more: words.behindMore };
    case 'disconnected':
      return {
        title: words.disconnected(clock(language, Date.parse(state.since), now)),
        more: words.disconnectedMore,
      };
    case 'detaching':
      return { title: words.detaching };
    case 'failed':
      return {
        title: words.failed,
        more: [state.reason, state.hint ?? '']
          .map((t) => saidAlone(language, t))
          .join(' ')
          .trim(),
      };
  }
}

export function timeLeft(seconds: number, texts: Texts, language: Language): string {
  const words = texts.copies.state;
  return seconds < 60 ? words.lessThanAMinute : words.timeLeft(estimate(language, seconds));
}

function lineOf(state: SyncState, texts: Texts, language: Language): Pick<TrackProps, 'joined' | 'progress'> {
  const words = texts.copies.state;
  switch (state.kind) {
    case 'syncing': {
      const label = state.to === 'pc' ? words.toPc : words.toServer;
      const text = percent(language, state.percent);
      return { joined: 'yes', progress: { percent: state.percent, to: state.to, label, text } };
    }
    case 'paused':
      return {
        joined: 'partly',
        progress: {
          percent: state.percent,
          to: 'pc',
          label: words.paused(percent(language, state.percent)),
          text: percent(language, state.percent),
        },
      };
    case 'preparing': {
      if (state.percent === undefined) return { joined: 'partly' };
      const label = said(language, state.step);
      const text = percent(language, state.percent);
      return { joined: 'partly', progress: { percent: state.percent, to: 'pc', label, text } };
    }
    case 'inSync':
      return { joined: 'yes' };
    case 'behind':
    case 'detaching':
      return { joined: 'partly' };
    case 'disconnected':
    case 'failed':
      return { joined: 'no' };
  }
}
