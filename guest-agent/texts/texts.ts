/** Every word the agent shows. A language that lacks a key does not compile. */
import type { AgentStatus, WhyNot, Wish } from '#common/protocol/host-guest.ts';
import { en } from './en.ts';
import { pt } from './pt.ts';

export type Language = 'en' | 'pt';
type Of<T> = (value: T) => string;

export interface Texts {
  /** Name of the language, in itself. */
  name: string;
  title: string;
  place: Record<AgentStatus['place'], { title: string; text: string }>;
  moving: Record<AgentStatus['place'], string>;
  phase: Record<NonNullable<AgentStatus['move']>['phase'], string>;
  server: string;
  thisPc: string;
  noPc: string;
  desktopHere: string;
  runsHere: Record<AgentStatus['place'], string>;
  sync: Record<AgentStatus['sync']['kind'], string> & { preparingMore: string };
  syncing: Record<'pc' | 'server', string>;
  complete: string;
  left: Of<{ size: string; speed: string; time: string | undefined }>;
  behindMore: Of<string>;
  link: { up: string; down: Of<string>; none: string };
  wish: Record<Wish, string>;
  wishText: { moveHere: string; moveToServer: string };
  whyNot: Record<WhyNot, string>;
  asked: string;
  problem: string;
  close: string;
  host: Record<'noPort' | 'refused' | 'away' | 'noService', { title: string; text: string }>;
  since: Of<string>;
  openWindow: string;
  hideIcon: string;
  picture: Of<{ from: string; move: string | undefined }>;
}

export const TEXTS: Record<Language, Texts> = { en, pt };

/** The language to use for a list of BCP 47 tags or POSIX locales, best first: `['pt-BR', 'en']`, `['pt_PT.UTF-8']`. */
export function chooseLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    if (/^pt\b|^pt_/i.test(tag)) return 'pt';
    if (/^en\b|^en_/i.test(tag)) return 'en';
  }
  return 'en';
}
