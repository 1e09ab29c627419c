import { useKiosk } from '../context.ts';
import { Spinner } from '../parts/spinner.tsx';
import { Plain } from './plain.tsx';

export function Starting() {
  const { texts } = useKiosk();
  return (
    <Plain picture={<Spinner />} title={texts.starting.title}>
      <p>{texts.starting.text}</p>
    </Plain>
  );
}
