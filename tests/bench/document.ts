/** The table in docs/benchmarks.md: the last run of every figure. The text around it is written by people. */
import { COLUMNS, cells, type Figure } from './figure.ts';

/** When and where a figure was measured. */
export interface Conditions {
  /** ISO 8601, the day only. */
  date: string;
  commit: string;
  processors: string;
  /** Load average of the last minute when the run began: above 0, others were using the processors too. */
  load: number;
}

const START = '<!-- figures -->';
const END = '<!-- end of figures -->';

/**
 * The document with the measured figures in its table. Rows of other figures stay as they are.
 * @param order names of all figures, in the order of their rows
 */
export function updateDocument(
  old: string,
  figures: readonly Figure[],
  conditions: Conditions,
  order: readonly string[],
): string {
  const [, before = '# Benchmarks\n\n', table = '', after = '\n'] =
    new RegExp(`^([\\s\\S]*)${START}([\\s\\S]*)${END}([\\s\\S]*)$`).exec(old) ?? [];
  const nameOf = (row: string) => row.split('|')[1]?.trim() ?? '';
  const rows = new Map(table.split('\n').map((row) => [nameOf(row), row] as const));
  const { date, commit, processors, load } = conditions;
  for (const figure of figures) {
    rows.set(figure.name, line([...cells(figure), date, commit, `${processors}, load ${load.toFixed(1)}`]));
  }
  const columns = [...COLUMNS, 'date', 'commit', 'processors'];
  const lines = [line(columns), line(columns.map(() => '---')), ...order.flatMap((name) => rows.get(name) ?? [])];
  return `${before}${START}\n${lines.join('\n')}\n${END}${after}`;
}

function line(row: readonly string[]): string {
  return `| ${row.join(' | ')} |`;
}
