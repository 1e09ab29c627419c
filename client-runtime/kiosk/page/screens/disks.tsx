import { useCallback, useRef, useState } from 'preact/hooks';
import type { DiskChoice, Screen } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { useEscape, useFirstFocus, useId } from '../hooks.ts';
import { Button } from '../parts/button.tsx';
import { Icon } from '../parts/icon.tsx';
import { Message } from '../parts/message.tsx';
import { Spinner } from '../parts/spinner.tsx';
import { saidAlone } from '../texts/said.ts';
import { DiskOption } from './disk-option.tsx';
import { DiskQuestion } from './disk-question.tsx';

/**
 * Which disk of this PC is to carry a copy of the desktop. The way out, working remotely, has the focus; going on takes
 * a choice and then part of the serial number, typed.
 */
export function Disks({ screen }: { screen: Extract<Screen, { kind: 'disks' }> }) {
  const { desktop, disks, busy, problem } = screen;
  const { texts, language, send } = useKiosk();
  const words = texts.copies.disks;
  const id = useId();
  const out = useRef<HTMLButtonElement>(null);
  const [chosen, setChosen] = useState<string>();
  const [asking, setAsking] = useState(false);
  useFirstFocus(out);
  useEscape(useCallback(() => busy || send({ do: 'workRemotely' }), [busy, send]));
  const choice = disks?.find((d) => !d.reason && keyOf(d) === chosen);
  return (
    <section class="card disks" aria-labelledby={id}>
      <div class="card-head">
        <div class="badge-icon">
          <Icon name="disk" />
        </div>
        <div>
          <h1 id={id} tabIndex={-1}>
            {words.title(desktop.name)}
          </h1>
          <p>{words.intro}</p>
        </div>
      </div>
      {problem !== undefined && (
        <Message kind="error" title={words.problem}>
          <p>{saidAlone(language, problem)}</p>
        </Message>
      )}
      <DiskList disks={disks} busy={busy} chosen={chosen} onChoose={setChosen} />
      <div class="actions between">
        <Button buttonRef={out} disabled={busy} onPress={() => send({ do: 'workRemotely' })}>
          {words.workRemotely}
        </Button>
        <div class="actions">
          <Button icon="restart" disabled={busy || !disks} onPress={() => send({ do: 'lookAgain' })}>
            {words.lookAgain}
          </Button>
          <Button kind="primary" disabled={busy || !choice} onPress={() => setAsking(true)}>
            {words.choose}
          </Button>
        </div>
      </div>
      {asking && choice && !busy && (
        <DiskQuestion
          choice={choice}
          onCancel={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false);
            send({ do: 'keepCopy', id: desktop.id, disk: choice.disk });
          }}
        />
      )}
    </section>
  );
}

/** The same disk keeps its choice when the list is read anew. */
function keyOf({ disk, name }: DiskChoice): string {
  return `${disk.serial} ${disk.wwn} ${disk.model} ${disk.bytes} ${name}`;
}

interface DiskListProps {
  disks: readonly DiskChoice[] | undefined;
  busy: boolean;
  chosen: string | undefined;
  onChoose: (key: string) => void;
}

function DiskList({ disks, busy, chosen, onChoose }: DiskListProps) {
  const { texts } = useKiosk();
  const words = texts.copies.disks;
  const group = useId();
  if (busy || !disks)
    return (
      <div class="disks-wait" role="status">
        <Spinner />
        <p>{busy ? words.settingUp : words.looking}</p>
      </div>
    );
  const possible = disks.some((d) => !d.reason);
  return (
    <>
      {possible ? (
        <p class="warning-line">
          <Icon name="warning" />
          <span>{words.warning}</span>
        </p>
      ) : (
        <Message kind="info" title={words.none}>
          <p>{words.noneMore}</p>
        </Message>
      )}
      {disks.length > 0 && (
        <div class="disk-list" role="radiogroup" aria-label={words.list}>
          {disks.map((d) => (
            <DiskOption
              key={keyOf(d)}
              group={group}
              choice={d}
              checked={keyOf(d) === chosen && !d.reason}
              onChoose={() => onChoose(keyOf(d))}
            />
          ))}
        </div>
      )}
    </>
  );
}
