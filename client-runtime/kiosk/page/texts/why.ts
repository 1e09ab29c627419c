import type { Language, Why } from '../../protocol.ts';
import { saidAlone } from './said.ts';
import type { Texts } from './texts.ts';

/** Why something is not possible, in a sentence. */
export function whyText(texts: Texts, language: Language, why: Why): string {
  const words = texts.copies.why;
  switch (why.kind) {
    case 'told':
      return saidAlone(language, why.text);
    case 'serverLost':
      return words.serverLost(why);
    case 'notRunning':
      return words.notRunning(why);
    case 'notReady':
      return words.notReady(why);
    case 'otherPc':
      return words.otherPc(why);
    case 'otherDesktop':
      return words.otherDesktop(why);
  }
}
