import { useKiosk } from '../context.ts';
import { Icon } from '../parts/icon.tsx';
import { Plain } from './plain.tsx';

/** Behind the desktop's picture; seen for a moment when it opens and closes. */
export function InUse({ desktop }: { desktop: string }) {
  const { texts } = useKiosk();
  return (
    <Plain
      picture={
        <div class="badge-icon">
          <Icon name="monitor" />
        </div>
      }
      title={texts.inUse.title(desktop)}
    >
      <p>{texts.inUse.text}</p>
    </Plain>
  );
}
