/** What a step does, in words: the log uses the English ones, the kiosk those of its language. */
import type { Language } from './kiosk/protocol.ts';
import type { Step } from './plan.ts';

export function sentence(step: Step, language: Language): string {
  const [en, pt] = words(step);
  return language === 'pt' ? pt : en;
}

function words(step: Step): [en: string, pt: string] {
  switch (step.do) {
    case 'contactServer':
      return ['Contacting the server', 'A contactar o servidor'];
    case 'logIn':
      return ['Logging in', 'A iniciar sessão'];
    case 'logOut':
      return ['Logging out', 'A terminar sessão'];
    case 'listen':
      return ['Asking the server for your desktops', 'A pedir ao servidor os seus ambientes de trabalho'];
    case 'bringTunnelUp':
      return ['Making the connection secure', 'A tornar a ligação segura'];
    case 'startDesktop':
      return [`Starting ${step.name}`, `A iniciar ${step.name}`];
    case 'waitForDesktop':
      return [step.why ?? `Waiting for ${step.name}`, step.why ?? `À espera de ${step.name}`];
    case 'openViewer':
      return [`Connecting to ${step.name}`, `A ligar a ${step.name}`];
    case 'closeViewer':
      return ['Closing the desktop on this screen', 'A fechar o ambiente de trabalho neste ecrã'];
    case 'leaveDesktop':
      return ['Going back to the list', 'A voltar à lista'];
    case 'shutDownDesktop':
      return [`Shutting ${step.name} down`, `A encerrar ${step.name}`];
    case 'listDisks':
      return ['Looking at the disks of this PC', 'A ver os discos deste PC'];
    case 'attach':
      return ['Setting up the copy on this PC', 'A preparar a cópia neste PC'];
    case 'changeCopy':
      return ['Changing how the desktop is kept', 'A alterar a forma como o ambiente é guardado'];
    case 'bringBack':
      return ['Taking the desktop back to the server', 'A levar o ambiente de volta para o servidor'];
    case 'putAway':
      return ['Putting the copy on this PC away', 'A arrumar a cópia neste PC'];
    case 'shutDownHere':
      return ['Shutting down the desktop on this PC', 'A encerrar o ambiente neste PC'];
    case 'powerOff':
      return ['Switching this PC off', 'A desligar este computador'];
    case 'restart':
      return ['Restarting this PC', 'A reiniciar este computador'];
  }
}
