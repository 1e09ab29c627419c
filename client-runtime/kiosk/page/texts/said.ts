/**
 * What the server and the PC say in whole sentences, in the language of the page. They speak English, for the log and
 * for administrators; sentences that are not known here are shown as they come.
 */
import type { Language } from '../../protocol.ts';

/** `$1` stands for what the sentence names, `{1}` for another sentence inside it. */
type Translation = readonly [english: RegExp, portuguese: string];

const STARTING: readonly Translation[] = [
  [/^Making the disk from the image (.+)$/, 'A criar o disco a partir da imagem $1'],
  [/^Opening the disk$/, 'A abrir o disco'],
  [/^Making the disk ready to be copied$/, 'A preparar o disco para ser copiado'],
  [/^Taking the disk$/, 'A tomar conta do disco'],
  [/^Preparing the firmware settings$/, 'A preparar as definições do firmware'],
  [/^Clearing up after the last failure$/, 'A arrumar depois da última falha'],
  [/^Switching the desktop on$/, 'A ligar o ambiente de trabalho'],
  [/^Waiting for the desktop to answer$/, 'À espera da resposta do ambiente de trabalho'],
  [/^Switching the desktop off$/, 'A desligar o ambiente de trabalho'],
  [/^Closing the disk$/, 'A fechar o disco'],
  [/^The desktop is arriving$/, 'O ambiente de trabalho está a chegar'],
  [/^Opening the copy on this PC$/, 'A abrir a cópia neste PC'],
];

const COPYING: readonly Translation[] = [
  [/^Comparing the two disks$/, 'A comparar os dois discos'],
  [/^Connecting the disks of server and PC$/, 'A ligar os discos do servidor e do PC'],
  [/^Detaching another PC$/, 'A desligar outro PC'],
  [/^Opening the way between server and PC$/, 'A abrir o caminho entre o servidor e o PC'],
  [
    /^Getting the server ready for the newer disk of the PC$/,
    'A preparar o servidor para receber o disco mais recente do PC',
  ],
  [/^Preparing the disk of the PC$/, 'A preparar o disco do PC'],
  [/^Making the disk of the PC empty$/, 'A esvaziar o disco do PC'],
  [/^Telling the (?:server|PC) how to keep the disk$/, 'A dizer aos dois lados como guardar o disco'],
  [/^Making the disk on the (?:server|PC) the second one$/, 'A passar um dos discos para segundo lugar'],
  [/^Ending what is left of the desktop on the (?:server|PC)$/, 'A terminar o que resta do ambiente'],
  [/^(?:Letting the desktop run|Going on) on the server$/, 'A continuar no servidor'],
  [/^(?:Letting the desktop run|Going on) on the PC$/, 'A continuar no PC'],
  [/^Pausing$/, 'A pausar'],
  [/^Going on with the synchronisation$/, 'A retomar a sincronização'],
  [/^Leaving the disk of the PC$/, 'A deixar o disco do PC'],
  [/^Writing down that the PC has everything$/, 'A registar que o PC tem tudo'],
  [/^Going on with the copy of the server, which is whole$/, 'A continuar com a cópia do servidor, que está completa'],
  [/^the disk of this PC is not ready yet$/, 'o disco deste PC ainda não está pronto'],
  [/^the disks of server and PC are not connected(?: any more)?$/, 'os discos do servidor e do PC não estão ligados'],
  [/^the disks of server and PC refuse each other$/, 'os discos do servidor e do PC recusam-se um ao outro'],
  [
    /^It is tried again by itself\. If this stays, detach the disk and attach it again\.$/,
    'Volta a tentar sozinho. Se isto continuar, pare a cópia e comece de novo.',
  ],
  [/^the PC is not connected$/, 'o PC não está ligado'],
  [/^(.+) does not answer$/, '$1 não responde'],
  [/^the server cannot reach this PC yet$/, 'o servidor ainda não consegue chegar a este PC'],
  [/^nothing was written: (.+)$/, 'nada foi escrito: {1}'],
  [/^the disk (.+), is not in this PC/, 'o disco $1 não está neste PC'],
  [/^the disk is in use by something else \(.+\)$/, 'o disco está em uso por outra coisa'],
  [/^the disk changed while it was being opened$/, 'o disco mudou enquanto era aberto'],
  [/^what is on this disk was put aside: (.+)$/, 'o que está neste disco foi posto de parte: $1'],
  [/^(.+) is on another PC now$/, '$1 está agora noutro PC'],
];

const MOVING: readonly Translation[] = [
  [
    /^(.+) could not be moved: (.+)\. It goes on where it was\.$/,
    'Não foi possível mudar $1: {2}. Continua onde estava.',
  ],
  [/^(.+) cannot be moved: (.+)$/, '$1 não pode mudar: {2}'],
  [/^the move of (.+) was cancelled; it goes on where it was$/, 'A mudança de $1 foi cancelada; continua onde estava'],
  [/^the connection to (.+) was lost$/, 'perdeu-se a ligação a $1'],
  [/^the server is stopping$/, 'o servidor está a parar'],
  [/^nothing was copied any more$/, 'já nada era copiado'],
  [/^the desktop was not copied within (\d+) minutes$/, 'o ambiente não foi copiado em $1 minutos'],
  [/^the desktop did not arrive (?:whole|in time)$/, 'o ambiente não chegou inteiro a tempo'],
  [/^the disk of the server is not complete$/, 'o disco do servidor não está completo'],
  [
    /^this PC cannot run desktops: virtualisation is switched off, or missing$/,
    'este PC não consegue correr ambientes: falta a virtualização, ou está desativada',
  ],
  [/^the processor of this PC is too old: it lacks (.+)$/, 'o processador deste PC é demasiado antigo: falta-lhe $1'],
  [
    /^this PC has too little memory free: (\d+) MiB, and the desktop needs (\d+) MiB$/,
    'este PC tem pouca memória livre: $1 MiB, e o ambiente precisa de $2 MiB',
  ],
  [/^(?:its|the) PC is not connected(?: to the server)?$/, 'o PC não está ligado ao servidor'],
];

const PT = [...STARTING, ...COPYING, ...MOVING];

export function said(language: Language, sentence: string): string {
  if (language === 'en') return sentence;
  for (const [english, portuguese] of PT) {
    const found = english.exec(sentence);
    if (!found) continue;
    return portuguese.replace(/\$(\d)|\{(\d)\}/g, (_, name?: string, inner?: string) =>
      name === undefined ? said(language, found[Number(inner)] ?? '') : (found[Number(name)] ?? ''),
    );
  }
  return sentence;
}

/** What a sentence may begin with besides a name, which stays as it is written. */
const FIRST_WORD = /^(the|this|its?|nothing|nobody|an?|what|only|there|os?|as?|este|nada|já|perdeu-se)\s/;

/** As a sentence of its own: what programs say of each other begins small and ends without a full stop. */
export function saidAlone(language: Language, sentence: string): string {
  const text = said(language, sentence);
  const whole = FIRST_WORD.test(text) ? text.charAt(0).toLocaleUpperCase(language) + text.slice(1) : text;
  return /[.!?…]$/.test(whole) || whole === '' ? whole : `${whole}.`;
}
