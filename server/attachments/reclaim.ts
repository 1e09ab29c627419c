/** What an administrator is told before a desktop is taken back from a PC, and what is remembered of its disk. Pure. */
import type { DesktopRow } from '../database/schema.ts';

export interface Lost {
  row: Pick<DesktopRow, 'name' | 'owner' | 'generation'>;
  /** Name of the PC. */
  pc: string;
  /** ms since the epoch: until then the server's copy is what the PC had. Undefined: it is in the middle of being written. */
  asOf: number | undefined;
  now: number;
}

export function whatIsLost({ row, pc, asOf, now }: Lost): string {
  if (asOf === undefined) {
    return (
      `${row.name} of ${row.owner} is on ${pc}, and the server was in the middle of receiving changes from there. It goes ` +
      'back to its last whole copy, from before those; without one, the desktop may not start, and files may be damaged.'
    );
  }
  const age = now - asOf;
  if (age < 60_000) {
    return `${row.name} of ${row.owner} is on ${pc}. The copy of the server is up to date, or at most a minute old; what runs on ${pc} is ended.`;
  }
  return (
    `${row.name} of ${row.owner} is on ${pc}. The copy of the server is ${inWords(age)} old (from ${stamp(asOf)}): ` +
    'everything that was done on that PC since then is lost for the desktop.'
  );
}

/** The disk's name from then on. */
export function asideText({ row, pc, asOf, now }: Lost): string {
  const since = asOf === undefined ? 'an unknown time' : stamp(asOf);
  return `The disk of ${pc} keeps its own copy of ${row.name} (hand-over ${row.generation}, taken back ${stamp(now)}), with what was done there since ${since}.`;
}

/** 5400000 -> `1 hour 30 minutes` */
export function inWords(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const parts: [number, string][] = [
    [Math.floor(minutes / 1440), 'day'],
    [Math.floor(minutes / 60) % 24, 'hour'],
    [minutes % 60, 'minute'],
  ];
  const shown = parts.filter(([n]) => n > 0).slice(0, 2);
  return shown.map(([n, unit]) => `${n} ${unit}${n === 1 ? '' : 's'}`).join(' ') || 'less than a minute';
}

/** UTC, to the minute. */
function stamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
