import { useKiosk } from '../context.ts';
import { Spinner } from '../parts/spinner.tsx';
import { Plain } from './plain.tsx';

export function GoingDown({ action }: { action: 'powerOff' | 'restart' }) {
  const { texts } = useKiosk();
  const words = texts.goingDown[action];
  return (
    <Plain picture={<Spinner />} title={words.title}>
      <p>{words.text}</p>
    </Plain>
  );
}
