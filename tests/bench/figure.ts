/** One measured number beside what it is compared with. */
export interface Figure {
  name: string;
  ours: number;
  /** The same, measured with the thing that one would use otherwise; null where there is none. */
  peer: number | null;
  unit: string;
  /** What is to be reached, in words. */
  aim: string;
  /** Whether it was. */
  met: boolean;
}

/** ours / peer; null without peer. */
export function ratio(figure: Figure): number | null {
  return figure.peer ? figure.ours / figure.peer : null;
}

/** One line a figure, for programs. */
export function jsonLine(figure: Figure): string {
  const { name, ours, peer, unit, aim } = figure;
  return JSON.stringify({ name, ours, peer, unit, ratio: ratio(figure), aim });
}

const COLUMNS = ['what', 'ours', 'peer', 'unit', 'ratio', 'aim', ''];

function cells(figure: Figure): string[] {
  const r = ratio(figure);
  return [
    figure.name,
    short(figure.ours),
    figure.peer === null ? '-' : short(figure.peer),
    figure.unit,
    r === null ? '-' : r.toFixed(2),
    figure.aim,
    figure.met ? 'met' : 'NOT MET',
  ];
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/** A table for a terminal. */
export function textTable(figures: readonly Figure[]): string {
  const rows = [COLUMNS, ...figures.map(cells)];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The same as Markdown. */
export function markdownTable(figures: readonly Figure[]): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  return [line(COLUMNS), line(COLUMNS.map(() => '---')), ...figures.map((f) => line(cells(f)))].join('\n');
}
