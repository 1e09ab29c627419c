import type { DiskChoice, DiskReason, Language } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { useId } from '../hooks.ts';
import { bytes } from '../texts/format.ts';
import type { Texts } from '../texts/texts.ts';

/** A disk with more partitions than that is told by the first ones. */
const MAX_SHOWN = 8;
/** Colours that follow each other in the picture of a disk. */
const KINDS = 4;

export interface DiskOptionProps {
  /** Name that makes the radio buttons of one list belong together. */
  group: string;
  choice: DiskChoice;
  checked: boolean;
  onChoose: () => void;
}

/** One disk: what it is, what is on it, or why it cannot be taken. */
export function DiskOption({ group, choice, checked, onChoose }: DiskOptionProps) {
  const { texts, language } = useKiosk();
  const id = useId();
  const words = texts.copies.disks;
  const { disk, contents, reason } = choice;
  return (
    <div class={`disk${reason ? ' not-possible' : ''}${checked ? ' checked' : ''}`}>
      <label class="disk-label">
        <input
          type="radio"
          name={group}
          checked={checked}
          disabled={reason !== undefined}
          aria-describedby={id}
          onChange={onChoose}
        />
        <span class="disk-name">
          <strong>{disk.model || words.noModel}</strong>
          <span>{bytes(language, disk.bytes)}</span>
        </span>
      </label>
      <dl class="disk-facts" id={id}>
        <div>
          <dt>{words.serial}</dt>
          <dd>
            <Serial disk={disk} />
          </dd>
        </div>
        <div>
          <dt>{words.contents}</dt>
          <dd>{contentsText(choice, texts, language)}</dd>
        </div>
        {reason && (
          <div class="disk-reason">
            <dt>{words.notPossible}</dt>
            <dd>{reasonText(reason, texts, language)}</dd>
          </div>
        )}
      </dl>
      {contents.partitions.length > 1 && <Partitions choice={choice} />}
    </div>
  );
}

/** The serial number, or the WWN of a disk that has none, with the end that is asked for set apart. */
export function Serial({ disk }: Pick<DiskChoice, 'disk'>) {
  const { texts } = useKiosk();
  const end = serialEnd(disk);
  const whole = disk.serial || disk.wwn;
  if (whole === '') return <span>{texts.copies.disks.unknown}</span>;
  return (
    <code class="serial">
      {whole.slice(0, whole.length - end.length)}
      <b>{end}</b>
    </code>
  );
}

/** What is to be typed: the last 4 characters. */
export function serialEnd({ serial, wwn }: DiskChoice['disk']): string {
  return (serial || wwn).slice(-4);
}

/** “Windows, Debian GNU/Linux 12 (5 partitions)” */
export function contentsText({ contents }: DiskChoice, texts: Texts, language: Language): string {
  const words = texts.copies.disks;
  const { systems, partitions, table } = contents;
  if (partitions.length === 0 && table === '') return words.nothing;
  const parts = words.partitions(partitions.length);
  if (systems.length > 0) return `${new Intl.ListFormat(language).format(systems)} (${parts})`;
  const named = partitions.map((p) => p.label || p.fileSystem).filter((name) => name !== '');
  return named.length > 0 ? `${parts}: ${[...new Set(named)].slice(0, 4).join(', ')}` : parts;
}

function reasonText(reason: DiskReason, texts: Texts, language: Language): string {
  const { reasons } = texts.copies.disks;
  const say = reasons[reason.kind] as (reason: DiskReason, size: (value: number) => string) => string;
  return say(reason, (value) => bytes(language, value));
}

/** The partitions side by side, as wide as they are big (but never too narrow to be seen), and named below. */
function Partitions({ choice }: { choice: DiskChoice }) {
  const { texts, language } = useKiosk();
  const partitions = choice.contents.partitions.slice(0, MAX_SHOWN);
  const sum = partitions.reduce((total, p) => total + p.bytes, 0);
  const widths = partitions.map((p) => Math.max(2, (p.bytes / Math.max(1, sum)) * 100));
  const total = widths.reduce((all, width) => all + width, 0);
  let x = 0;
  return (
    <div class="partitions">
      <svg viewBox={`0 0 ${total} 10`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
        {widths.map((width, i) => {
          const at = x;
          x += width;
          return (
            <rect
              key={`${i} ${width}`}
              class={`kind-${i % KINDS}`}
              x={at}
              width={Math.max(1, width - 0.4)}
              height="10"
            />
          );
        })}
      </svg>
      <ul aria-label={texts.copies.disks.contents}>
        {partitions.map((p, i) => (
          <li key={`${i} ${p.bytes}`}>
            <svg class={`kind-${i % KINDS}`} viewBox="0 0 10 10" aria-hidden="true" focusable="false">
              <rect width="10" height="10" rx="2" />
            </svg>
            {p.label || p.type || p.fileSystem || texts.copies.disks.unknown} ({bytes(language, p.bytes)})
          </li>
        ))}
      </ul>
    </div>
  );
}
