/** Figures and how they are shown: pure functions. */

/** One measured number beside what it is compared with. */
export interface Figure {
  name: string;
  ours: number;
  /** The same, measured with what one would use otherwise; null where there is none. */
  peer: number | null;
  unit: string;
  /** What is to be reached, in words. */
  aim: string;
  /** Whether it was. */
  met: boolean;
}

/** The middle value; between the two middle ones if their number is even. Not for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error('the median of nothing');
  return (lower + upper) / 2;
}

/** ours / peer; null without peer. */
export function ratio(figure: Pick<Figure, 'ours' | 'peer'>): number | null {
  return figure.peer ? figure.ours / figure.peer : null;
}

/** One line a figure, for programs. Numbers have at most three decimals. */
export function jsonLine(figure: Figure): string {
  const { name, unit, aim } = figure;
  const round = (value: number | null) => (value === null ? null : Math.round(value * 1000) / 1000);
  return JSON.stringify({
    ...{ name, ours: round(figure.ours), peer: round(figure.peer), unit },
    ...{ ratio: round(ratio(figure)), aim },
  });
}

export const COLUMNS = ['name', 'ours', 'peer', 'unit', 'ratio', 'aim', 'met?'];

/** A row under {@link COLUMNS}. */
export function cells(figure: Figure): string[] {
  const share = ratio(figure);
  return [
    figure.name,
    short(figure.ours),
    figure.peer === null ? '-' : short(figure.peer),
    figure.unit,
    share === null ? '-' : share.toFixed(2),
    figure.aim,
    figure.met ? 'yes' : 'NO',
  ];
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/** A table for a terminal. */
export function textTable(figures: readonly Figure[]): string {
  const rows = [COLUMNS, ...figures.map(cells)];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
