/** What every component may need, without handing it through each of them. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { KioskCommand, Language } from '../protocol.ts';
import { TEXTS, type Texts } from './texts/texts.ts';

export interface Kiosk {
  texts: Texts;
  language: Language;
  send(command: KioskCommand): boolean;
}

export const KioskContext = createContext<Kiosk>({ texts: TEXTS.en, language: 'en', send: () => false });

export function useKiosk(): Kiosk {
  return useContext(KioskContext);
}
