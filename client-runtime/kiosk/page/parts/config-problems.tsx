import type { ConfigProblem } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import { useId } from '../hooks.ts';
import { Icon } from './icon.tsx';

/** What is wrong with flexdeploy.json, each thing with what is allowed. Closing it leaves a mark in the status bar. */
export function ConfigProblems({ problems, onClose }: { problems: readonly ConfigProblem[]; onClose: () => void }) {
  const { texts } = useKiosk();
  const id = useId();
  return (
    <section class="config-problems" aria-labelledby={id}>
      <div class="config-head">
        <Icon name="warning" />
        <div>
          <h2 id={id}>{texts.config.title(problems.length)}</h2>
          <p>{texts.config.text}</p>
        </div>
        <button type="button" class="icon-button" aria-label={texts.common.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <ul>
        {problems.map((p, i) => (
          <li key={`${i} ${p.key}`}>
            <code>{p.key || texts.config.wholeFile}</code>
            <span>{p.problem}</span>
            <span class="allowed">
              {texts.config.allowed}: {p.allowed}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
