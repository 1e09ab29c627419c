/** Sizes and lengths of time for people, by Intl. */
import type { Language } from './texts.ts';

const LOCALES: Record<Language, string> = { en: 'en-GB', pt: 'pt-PT' };

export function localeOf(language: Language): string {
  return LOCALES[language];
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** 1,288,490,189 is “1.2 GB” (decimal prefixes of 1024, as people know them from their file manager). */
export function size(language: Language, bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return new Intl.NumberFormat(localeOf(language), {
    style: 'unit',
    unit: UNITS[unit] ?? 'byte',
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}

/** As exact as an estimate can be: “40 seconds”, “12 minutes”, “3 hours”. */
export function roughTime(language: Language, seconds: number): string {
  const [value, unit] =
    seconds < 90
      ? [Math.max(1, Math.round(seconds)), 'second']
      : seconds < 5400
        ? [Math.round(seconds / 60), 'minute']
        : [Math.round(seconds / 3600), 'hour'];
  return new Intl.NumberFormat(localeOf(language), { style: 'unit', unit: String(unit), unitDisplay: 'long' }).format(
    Number(value),
  );
}

/** A moment: the time of day; with the day, if it was not today. */
export function moment(language: Language, when: Date, now = new Date()): string {
  const today = when.toDateString() === now.toDateString();
  return new Intl.DateTimeFormat(localeOf(language), {
    ...(!today && { day: 'numeric', month: 'long' }),
    hour: '2-digit',
    minute: '2-digit',
  }).format(when);
}
