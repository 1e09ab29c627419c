/** Numbers and lengths of time in the language in use, by Intl: plural forms come from there, not from us. */
import type { Language } from '../../protocol.ts';

const LOCALES: Record<Language, string> = { en: 'en-GB', pt: 'pt-PT' };

/** The BCP 47 tag for `lang` attributes and Intl. */
export function localeOf(language: Language): string {
  return LOCALES[language];
}

function unit(language: Language, value: number, name: 'second' | 'minute' | 'hour'): string {
  return new Intl.NumberFormat(localeOf(language), { style: 'unit', unit: name, unitDisplay: 'long' }).format(value);
}

/**
 * A length of time, as exact as it is useful: “1 second”, “2 minutes 5 seconds”, “3 hours 20 minutes”.
 * @param seconds whole seconds, not negative
 */
export function duration(language: Language, seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const parts: string[] = [];
  if (hours > 0) parts.push(unit(language, hours, 'hour'));
  if (minutes % 60 > 0) parts.push(unit(language, minutes % 60, 'minute'));
  if (hours === 0 && (seconds % 60 > 0 || minutes === 0)) parts.push(unit(language, seconds % 60, 'second'));
  return new Intl.ListFormat(localeOf(language), { type: 'unit', style: 'long' }).format(parts);
}

/** Memory in the unit people know: 2048 MiB is “2 GB”. */
export function memory(language: Language, mebibytes: number): string {
  const big = mebibytes >= 1024;
  return new Intl.NumberFormat(localeOf(language), {
    style: 'unit',
    unit: big ? 'gigabyte' : 'megabyte',
    maximumFractionDigits: 1,
  }).format(big ? mebibytes / 1024 : mebibytes);
}

const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** Bytes as disks are sold: 512110190592 is “512 GB”. */
export function bytes(language: Language, value: number): string {
  const [amount, name] = inUnits(value);
  return new Intl.NumberFormat(localeOf(language), {
    style: 'unit',
    unit: name,
    maximumFractionDigits: amount < 10 ? 1 : 0,
  }).format(amount);
}

/** Bytes a second: “35 MB/s”. */
export function speed(language: Language, value: number): string {
  const [amount, name] = inUnits(Math.max(value, 1000));
  return new Intl.NumberFormat(localeOf(language), {
    style: 'unit',
    unit: `${name}-per-second`,
    maximumFractionDigits: amount < 10 ? 1 : 0,
  }).format(amount);
}

function inUnits(value: number): [amount: number, unit: (typeof BYTE_UNITS)[number]] {
  let amount = value;
  let step = 0;
  while (amount >= 999.5 && step < BYTE_UNITS.length - 1) {
    amount /= 1000;
    step++;
  }
  return [amount, BYTE_UNITS[step] ?? 'byte'];
}

/** Never “100 %” before it is complete. */
export function percent(language: Language, value: number): string {
  const whole = Math.min(99, Math.floor(value));
  return new Intl.NumberFormat(localeOf(language), { style: 'percent' }).format(value >= 100 ? 1 : whole / 100);
}

/** The time of day, and the day when it is another one: “14:02”, “21 Nov, 14:02”. */
export function clock(language: Language, time: number, now: number): string {
  const sameDay = new Date(time).toDateString() === new Date(now).toDateString();
  return new Intl.DateTimeFormat(localeOf(language), {
    hour: '2-digit',
    minute: '2-digit',
    ...(!sameDay && { day: 'numeric', month: 'short' }),
  }).format(time);
}

/** Seconds that are left, no more exact than an estimate is: “less than a minute” is a word of the texts. */
export function estimate(language: Language, seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return duration(language, (minutes >= 10 ? Math.round(minutes / 5) * 5 : minutes) * 60);
}

export function count(language: Language, value: number): string {
  return new Intl.NumberFormat(localeOf(language)).format(value);
}

/** Picks the form of a sentence that goes with `value`, by the plural rules of the language. */
export function plural(
  language: Language,
  value: number,
  forms: { one: string; other: (formatted: string) => string },
): string {
  const one = new Intl.PluralRules(localeOf(language)).select(value) === 'one';
  return one ? forms.one : forms.other(count(language, value));
}
