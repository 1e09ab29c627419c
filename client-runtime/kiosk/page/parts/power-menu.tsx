import { useState } from 'preact/hooks';
import { useKiosk } from '../context.ts';
import { Confirm } from './confirm.tsx';
import { Menu } from './menu.tsx';

/** Restart and turn off, each after a question. */
export function PowerMenu() {
  const { texts, send } = useKiosk();
  const [asking, setAsking] = useState<'restart' | 'powerOff'>();
  const words = texts.power;
  return (
    <>
      <Menu
        label={words.menu}
        text={words.menu}
        icon="power"
        items={[
          { key: 'restart', text: words.restart, icon: 'restart', onChoose: () => setAsking('restart') },
          { key: 'powerOff', text: words.powerOff, icon: 'power', onChoose: () => setAsking('powerOff') },
        ]}
      />
      {asking && (
        <Confirm
          title={asking === 'restart' ? words.confirmRestart : words.confirmPowerOff}
          text={words.text}
          action={words[asking]}
          onCancel={() => setAsking(undefined)}
          onConfirm={() => {
            setAsking(undefined);
            send({ do: asking });
          }}
        />
      )}
    </>
  );
}
