import { useKiosk } from '../context.ts';
import { Icon } from './icon.tsx';

export interface TrackProps {
  /** At which end the desktop is. */
  at: 'server' | 'pc';
  /** What the PC's end is called. */
  pc: string;
  /** What the line between the ends shows; nothing: they are joined, or not. */
  progress?: { percent: number; to: 'server' | 'pc'; label: string; text: string } | undefined;
  joined: 'yes' | 'partly' | 'no';
}

/** The server and the PC, joined by a line: where the desktop is, and how far on its way something is. */
export function Track({ at, pc, progress, joined }: TrackProps) {
  const { texts } = useKiosk();
  const { place } = texts.copies;
  return (
    <div class="track">
      <End icon="server" name={place.server} here={at === 'server'} />
      {progress ? (
        <div
          class={`track-line to-${progress.to}`}
          role="progressbar"
          aria-label={progress.label}
          aria-valuenow={Math.floor(progress.percent)}
          aria-valuetext={progress.text}
        >
          <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <rect class="track-ground" width="100" height="10" />
            <rect class="track-done" width={progress.percent} height="10" />
          </svg>
        </div>
      ) : (
        <div class={`track-line joined-${joined}`}>
          <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <path d="M0 5h100" />
          </svg>
        </div>
      )}
      <End icon="monitor" name={pc} here={at === 'pc'} />
    </div>
  );
}

function End({ icon, name, here }: { icon: 'server' | 'monitor'; name: string; here: boolean }) {
  return (
    <div class={here ? 'track-end here' : 'track-end'} aria-current={here ? 'location' : undefined}>
      <Icon name={icon} />
      <span title={name}>{name}</span>
    </div>
  );
}
