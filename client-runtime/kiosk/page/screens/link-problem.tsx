import type { LinkProblem } from '../../protocol.ts';
import { useKiosk } from '../context.ts';
import type { IconName } from '../parts/icon.tsx';
import type { Texts } from '../texts/texts.ts';

export const PROBLEM_ICONS: Record<LinkProblem['kind'], IconName> = {
  noServerConfigured: 'file',
  noNetworkCard: 'card',
  noCable: 'plug',
  noAddress: 'globe',
  nameNotFound: 'search',
  unreachable: 'server',
  wrongCertificate: 'shield',
  notFlexDeploy: 'server',
};

/** What a problem with the line means, in a sentence. */
export function problemText(texts: Texts, problem: LinkProblem): string {
  const { text } = texts.noServer.problems[problem.kind];
  return typeof text === 'string' ? text : text('host' in problem ? problem.host : '');
}

/** The technical side of a problem, small: for whoever is asked for help. Nothing if there is none. */
export function ProblemDetail({ problem }: { problem: LinkProblem }) {
  const { texts } = useKiosk();
  const rows = detailRows(texts, problem);
  if (rows.length === 0) return null;
  return (
    <dl class="detail" aria-label={texts.common.technicalDetail}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function detailRows(texts: Texts, problem: LinkProblem): [string, string][] {
  switch (problem.kind) {
    case 'noServerConfigured':
    case 'noNetworkCard':
    case 'noCable':
    case 'noAddress':
    case 'nameNotFound':
      return [];
    case 'unreachable':
    case 'notFlexDeploy':
      return problem.detail ? [[texts.common.technicalDetail, problem.detail]] : [];
    case 'wrongCertificate':
      return [
        [texts.noServer.expected, problem.expected],
        [texts.noServer.found, problem.found],
      ];
  }
}
