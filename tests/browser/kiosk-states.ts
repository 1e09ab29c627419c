/** One state of the kiosk for each thing that can happen, with words of its message in both languages. */
import type { Desktop } from '#common/protocol/desktop.ts';
import type { ConfigProblem, KioskState, Language, LinkProblem, Screen } from '../../client-runtime/kiosk/protocol.ts';
import { offersOf } from '../../client-runtime/offers.ts';
import { copyCases } from './copy-states.ts';
import { desktop, iso, NOW, OFF, RUNNING, THIS_PC } from './desktops.ts';

export interface Case {
  screen: Screen;
  /** Words that have to be on the screen. */
  en: readonly string[];
  pt: readonly string[];
  configProblems?: readonly ConfigProblem[];
}

export function kioskState(screen: Screen, more: Partial<KioskState> = {}): KioskState {
  return {
    pcName: 'lab-pc-07',
    addresses: ['192.168.10.57'],
    version: '0.1.0',
    server: 'desktops.school.example',
    serverName: 'school-desktops',
    language: 'en',
    keyboard: 'pt',
    keyboards: ['us', 'gb', 'pt', 'br', 'de', 'fr', 'es', 'it'],
    configProblems: [],
    screen,
    ...more,
  };
}

export function stateOf(name: string, language: Language): KioskState {
  const found = CASES[name];
  if (!found) throw new Error(`no case ${name}`);
  return kioskState(found.screen, { language, configProblems: [...(found.configProblems ?? [])] });
}

const FAILURE = 'The disk on the server is full. Ask your administrator to make room.';

function link(problem: LinkProblem): Screen {
  return { kind: 'noServer', problem, nextTryAt: NOW + 3_600_000 };
}

const HOST = 'desktops.school.example';
const FINGERPRINT_A = `sha256:${'3f'.repeat(32)}`;
const FINGERPRINT_B = `sha256:${'a7'.repeat(32)}`;

export const CONFIG_PROBLEMS: readonly ConfigProblem[] = [
  { key: 'keyboard', problem: '"qwerty" is not a keyboard layout', allowed: 'one of us, gb, pt, br, de, fr, es, it' },
  { key: 'network.gateway', problem: '"192.168.1" is not an address', allowed: 'an IPv4 address such as 192.168.1.20' },
  {
    key: '',
    problem: 'unknown key "sever"; did you mean "server"?',
    allowed: 'server, ca, keyboard, language, pcName, network',
  },
];

function login(problem?: Extract<Screen, { kind: 'login' }>['problem'], busy = false): Screen {
  return { kind: 'login', busy, ...(problem && { problem }) };
}

function desktops(list: Desktop[], notice?: Extract<Screen, { kind: 'desktops' }>['notice']): Screen {
  return {
    kind: 'desktops',
    userName: 'Ana Ribeiro',
    desktops: list,
    offers: offersOf(list, THIS_PC),
    ...(notice && { notice }),
  };
}

export const CASES: Record<string, Case> = {
  starting: { screen: { kind: 'starting' }, en: ['Starting', 'network'], pt: ['A iniciar', 'rede'] },
  'no-server-configured': {
    screen: link({ kind: 'noServerConfigured' }),
    en: ['No server is set', 'flexdeploy.json', 'FLEXDEPLOY', 'Restart'],
    pt: ['não tem servidor definido', 'flexdeploy.json', 'FLEXDEPLOY', 'Reiniciar'],
  },
  'no-network-card': {
    screen: link({ kind: 'noNetworkCard' }),
    en: ['No network card', 'USB network adapter', 'Try now'],
    pt: ['nenhuma placa de rede', 'adaptador de rede USB', 'Tentar agora'],
  },
  'no-cable': {
    screen: { kind: 'noServer', problem: { kind: 'noCable' }, nextTryAt: 0 },
    en: ['cable is not connected', 'another cable', 'goes on by itself'],
    pt: ['cabo de rede não está ligado', 'outro cabo', 'continua sozinho'],
  },
  'no-address': {
    screen: link({ kind: 'noAddress' }),
    en: ['no address', 'DHCP', 'fixed address'],
    pt: ['nenhum endereço', 'DHCP', 'endereço fixo'],
  },
  'name-not-found': {
    screen: link({ kind: 'nameNotFound', host: HOST }),
    en: ['name was not found', HOST, 'DNS'],
    pt: ['nome do servidor não foi encontrado', HOST, 'DNS'],
  },
  unreachable: {
    screen: link({ kind: 'unreachable', host: HOST, detail: 'connect ECONNREFUSED 192.0.2.10:443' }),
    en: ['does not answer', 'Next try in', HOST, 'ECONNREFUSED 192.0.2.10:443', 'Technical detail'],
    pt: ['não responde', 'Nova tentativa', HOST, 'ECONNREFUSED 192.0.2.10:443', 'Pormenor técnico'],
  },
  'wrong-certificate': {
    screen: link({ kind: 'wrongCertificate', host: HOST, expected: FINGERPRINT_A, found: FINGERPRINT_B }),
    en: ['not the server that was expected', 'Expected', 'Found', FINGERPRINT_A, FINGERPRINT_B],
    pt: ['não é o servidor esperado', 'Esperado', 'Encontrado', FINGERPRINT_A, FINGERPRINT_B],
  },
  'not-flexdeploy': {
    screen: link({ kind: 'notFlexDeploy', host: HOST, detail: 'GET /api/v1/hello: 404, text/html' }),
    en: ['Something else answers', 'not a FlexDeploy server', '404'],
    pt: ['Outra coisa responde', 'não é um servidor FlexDeploy', '404'],
  },
  login: { screen: login(), en: ['Log in', 'User name', 'school-desktops'], pt: ['Iniciar sessão', 'Palavra-passe'] },
  'login-busy': { screen: login(undefined, true), en: ['Logging in'], pt: ['A iniciar sessão'] },
  'login-wrong': {
    screen: login({ kind: 'wrongLogin' }),
    en: ['password is not correct', 'Caps Lock'],
    pt: ['não estão corretos', 'Caps Lock'],
  },
  'login-locked-out': {
    screen: login({ kind: 'lockedOut', until: NOW + 3_600_000 }),
    en: ['Too many wrong attempts', 'try again in'],
    pt: ['Demasiadas tentativas', 'tentar de novo dentro de'],
  },
  'login-expired': {
    screen: login({ kind: 'sessionEnded', reason: 'expired' }),
    en: ['session has expired'],
    pt: ['sessão expirou'],
  },
  'login-revoked': {
    screen: login({ kind: 'sessionEnded', reason: 'revoked' }),
    en: ['administrator has ended'],
    pt: ['administrador terminou'],
  },
  'login-replaced': {
    screen: login({ kind: 'sessionEnded', reason: 'replaced' }),
    en: ['logged in on another PC'],
    pt: ['noutro PC'],
  },
  'login-failed': {
    screen: login({ kind: 'failed', detail: 'the server answered 503: the database is being restored' }),
    en: ['did not work', '503'],
    pt: ['Não foi possível iniciar sessão', '503'],
  },
  'login-config-problems': {
    screen: login(),
    configProblems: CONFIG_PROBLEMS,
    en: ['3 settings of this PC', 'network.gateway', '"qwerty"', 'the whole file', 'Allowed'],
    pt: ['3 definições deste PC', 'network.gateway', '"qwerty"', 'o ficheiro inteiro', 'Permitido'],
  },
  'no-cable-config-problem': {
    screen: link({ kind: 'noCable' }),
    configProblems: CONFIG_PROBLEMS.slice(0, 1),
    en: ['One setting of this PC', 'cable'],
    pt: ['Uma definição deste PC', 'cabo'],
  },
  'desktops-none': {
    screen: desktops([]),
    en: ['no desktop yet', 'administrator'],
    pt: ['Ainda não tem', 'administrador'],
  },
  'desktops-one': {
    screen: desktops([OFF]),
    en: ['biology', 'Off', 'Open', '2 GB'],
    pt: ['biology', 'Desligado', 'Abrir', '2 GB'],
  },
  'desktops-many': {
    screen: desktops([
      OFF,
      RUNNING,
      desktop('chemistry', { kind: 'starting', since: iso, step: 'The server is starting the virtual machine' }),
      desktop('english', { kind: 'running', since: iso, viewers: 1 }),
      desktop('geography', { kind: 'failed', at: iso, reason: FAILURE }),
      desktop('history', { kind: 'stopping', since: iso }, { memoryMiB: 512, cpus: 1 }),
    ]),
    en: [
      'Running',
      'Starting',
      'In use elsewhere',
      'Stopped with an error',
      FAILURE,
      'Shutting down',
      'Shut down',
      'Open here',
      'Start again',
    ],
    pt: [
      'Em execução',
      'A iniciar',
      'Em uso noutro lugar',
      'Parou com um erro',
      FAILURE,
      'A encerrar',
      'Encerrar',
      'Abrir aqui',
      'Iniciar de novo',
    ],
  },
  'desktops-shut-down': {
    screen: desktops([OFF, RUNNING], { kind: 'desktopShutDown', desktop: 'biology' }),
    en: ['biology was shut down'],
    pt: ['biology foi encerrado'],
  },
  'desktops-failed': {
    screen: desktops([OFF, RUNNING], { kind: 'desktopFailed', desktop: 'biology', reason: FAILURE }),
    en: ['biology has stopped with an error', FAILURE],
    pt: ['biology parou com um erro', FAILURE],
  },
  'desktops-could-not-open': {
    screen: desktops([OFF, RUNNING], {
      kind: 'couldNotOpen',
      desktop: 'biology',
      reason: 'There is not enough memory on the server.',
    }),
    en: ['biology could not be opened', 'not enough memory'],
    pt: ['Não foi possível abrir biology', 'not enough memory'],
  },
  opening: {
    screen: { kind: 'opening', desktop: 'maths', step: 'Switching the desktop on', since: NOW, dark: false },
    en: ['Opening maths', 'Switching the desktop on', 'second', 'Cancel'],
    pt: ['A abrir maths', 'A ligar o ambiente de trabalho', 'segundo', 'Cancelar'],
  },
  'opening-slow': {
    screen: {
      kind: 'opening',
      desktop: 'maths',
      step: 'Waiting for the first picture',
      since: NOW - 65_000,
      dark: false,
    },
    en: ['1 minute', 'first start can take'],
    pt: ['1 minuto', 'primeiro arranque'],
  },
  'in-use': {
    screen: { kind: 'inUse', desktop: 'maths' },
    en: ['maths is open', 'top edge'],
    pt: ['maths está aberto', 'topo do ecrã'],
  },
  'server-lost-with-desktop': {
    screen: {
      kind: 'serverLost',
      since: NOW - 125_000,
      problem: { kind: 'unreachable', host: HOST, detail: 'no answer for 30 s' },
      desktop: 'maths',
    },
    en: ['connection to the server is gone', '2 minutes', 'maths goes on running', 'by itself', 'no answer for 30 s'],
    pt: ['Perdeu-se a ligação', '2 minutos', 'maths continua em execução', 'sozinho'],
  },
  'server-lost': {
    screen: { kind: 'serverLost', since: NOW, problem: { kind: 'noCable' } },
    en: ['connection to the server is gone', 'cable', 'list of desktops'],
    pt: ['Perdeu-se a ligação', 'cabo', 'lista de ambientes'],
  },
  'power-off': { screen: { kind: 'goingDown', action: 'powerOff' }, en: ['Turning off'], pt: ['A desligar'] },
  restart: { screen: { kind: 'goingDown', action: 'restart' }, en: ['Restarting'], pt: ['A reiniciar'] },
  ...copyCases(desktops),
};
