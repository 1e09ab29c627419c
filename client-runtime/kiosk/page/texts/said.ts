/**
 * What the server and the PC say in whole sentences, in the language of the page. They speak English, for the log and
 * for administrators; sentences that are not known here are shown as they come.
 */
import type { Language } from '../../protocol.ts';

type Translation = readonly [english: RegExp, portuguese: string];

/** `$1` stands for what the sentence names. */
const PT: readonly Translation[] = [
  [/^Making the disk from the image (.+)$/, 'A criar o disco a partir da imagem $1'],
  [/^Opening the disk$/, 'A abrir o disco'],
  [/^Making the disk ready to be copied$/, 'A preparar o disco para ser copiado'],
  [/^Taking the disk$/, 'A tomar conta do disco'],
  [/^Preparing the firmware settings$/, 'A preparar as definições do firmware'],
  [/^Clearing up after the last failure$/, 'A arrumar depois da última falha'],
  [/^Switching the desktop on$/, 'A ligar o ambiente de trabalho'],
  [/^Waiting for the desktop to answer$/, 'À espera da resposta do ambiente de trabalho'],
  [/^Switching the desktop off$/, 'A desligar o ambiente de trabalho'],
  [/^The desktop is arriving$/, 'O ambiente de trabalho está a chegar'],
];

export function said(language: Language, sentence: string): string {
  if (language === 'en') return sentence;
  for (const [english, portuguese] of PT) {
    if (english.test(sentence)) return sentence.replace(english, portuguese);
  }
  return sentence;
}
