/** The kiosk's states around a desktop's copy on the PC, its move, and leaving the PC with it. */
import type { Desktop, SyncState } from '#common/protocol/desktop.ts';
import type { DiskChoice, Screen } from '../../client-runtime/kiosk/protocol.ts';
import { attached, desktop, held, iso, NOW, OFF, RUNNING, SSD, THIS_PC } from './desktops.ts';
import type { Case } from './kiosk-states.ts';

const GIB = 2 ** 30;
const running = { kind: 'running', since: iso, viewers: 0 } as const;
const HERE = { uuid: THIS_PC, name: 'lab-pc-07' };
const THERE = { uuid: 'other', name: 'lab-pc-12' };
const SYNCING: Extract<SyncState, { kind: 'syncing' }> = {
  kind: 'syncing',
  percent: 42.7,
  bytesLeft: 12 * GIB,
  bytesPerSecond: 54_000_000,
  secondsLeft: 241,
  to: 'pc',
};

/** A desktop that runs on the server and is copied to this PC. */
export const COPYING = desktop('maths', running, { attachment: attached(SYNCING) });

function copying(state: SyncState, more: Partial<Desktop> = {}): Desktop {
  return desktop('maths', running, { attachment: attached(state), ...more });
}

const WINDOWS_DISK: DiskChoice = {
  disk: SSD,
  name: 'sda',
  contents: {
    table: 'gpt',
    systems: ['Windows', 'Ubuntu 24.04.1 LTS'],
    partitions: [
      { bytes: 100 * 2 ** 20, fileSystem: 'vfat', label: 'EFI', type: 'EFI System' },
      { bytes: 16 * 2 ** 20, fileSystem: '', label: '', type: 'Microsoft reserved' },
      { bytes: 250 * GIB, fileSystem: 'ntfs', label: 'Windows', type: 'Microsoft basic data' },
      { bytes: 200 * GIB, fileSystem: 'ext4', label: 'home of the class', type: 'Linux filesystem' },
      { bytes: 8 * GIB, fileSystem: 'swap', label: '', type: 'Linux swap' },
    ],
  },
};
const BLANK_DISK: DiskChoice = {
  disk: { serial: '', wwn: 'eui.002538b111b0c9f4', model: 'WD Blue SN570 1TB', bytes: 1000204886016 },
  name: 'nvme0n1',
  contents: { table: '', systems: [], partitions: [] },
};
const STICK: DiskChoice = {
  disk: { serial: '4C530001230512113325', wwn: '', model: 'SanDisk Ultra', bytes: 30752636928 },
  name: 'sdb',
  contents: {
    table: 'dos',
    systems: [],
    partitions: [{ bytes: 2 * GIB, fileSystem: 'iso9660', label: 'FLEXDEPLOY_LIVE', type: '' }],
  },
  reason: { kind: 'bootMedium' },
};
const SMALL: DiskChoice = {
  disk: { serial: 'PHLA716300XT', wwn: '', model: 'INTEL MEMPEK1J016GAL', bytes: 14403239936 },
  name: 'nvme1n1',
  contents: { table: '', systems: [], partitions: [] },
  reason: { kind: 'tooSmall', needed: 20 * GIB },
};

export const DISKS = [WINDOWS_DISK, BLANK_DISK, STICK, SMALL];

function disks(more: Partial<Extract<Screen, { kind: 'disks' }>> = {}): Screen {
  return {
    kind: 'disks',
    desktop: { id: RUNNING.id, name: 'maths', bytes: RUNNING.diskBytes },
    disks: DISKS,
    busy: false,
    ...more,
  };
}

function leaving(
  step: Extract<Screen, { kind: 'leaving' }>['step'],
  action: 'logOut' | 'powerOff' | 'restart',
): Screen {
  return { kind: 'leaving', action, desktop: 'maths', step };
}

type Desktops = (list: Desktop[]) => Screen;

/** @param desktops makes the screen with the list of desktops */
export function copyCases(desktops: Desktops): Record<string, Case> {
  return { ...cardCases(desktops), ...moveCases(desktops), ...diskCases(), ...leavingCases(), ...otherCases() };
}

function cardCases(desktops: Desktops): Record<string, Case> {
  return {
    'copy-offered': {
      screen: desktops([RUNNING]),
      en: ['Keep a copy on this PC'],
      pt: ['Guardar uma cópia neste PC'],
    },
    'copy-preparing': {
      screen: desktops([copying({ kind: 'preparing', step: 'Opening the disk' })]),
      en: ['Getting the copy ready', 'Opening the disk', 'The copy has to be ready first'],
      pt: ['A preparar a cópia', 'A abrir o disco', 'A cópia tem de estar pronta primeiro'],
    },
    'copy-emptying': {
      screen: desktops([copying({ kind: 'preparing', step: 'Making the disk of the PC empty', percent: 42.4 })]),
      en: ['Getting the copy ready', 'Making the disk of the PC empty: 42%'],
      pt: ['A preparar a cópia', 'A esvaziar o disco do PC: 42%'],
    },
    'copy-syncing': {
      screen: desktops([COPYING]),
      en: ['Copying to this PC: 42%', '54 MB/s', '4 minutes left', 'Pause', 'Stop', 'Work on this PC'],
      pt: ['A copiar para este PC: 42', '54 MB/s', 'faltam 4 minutos', 'Pausar', 'Parar', 'Trabalhar neste PC'],
    },
    'copy-syncing-fast': {
      screen: desktops([copying({ ...SYNCING, percent: 99.9, secondsLeft: 4 }), OFF]),
      en: ['99%', 'less than a minute left', 'This PC keeps maths now'],
      pt: ['99', 'falta menos de um minuto', 'Este PC guarda agora maths'],
    },
    'copy-paused': {
      screen: desktops([copying({ kind: 'paused', percent: 42.7 })]),
      en: ['Copying is paused at 42%', 'Resume'],
      pt: ['Cópia em pausa nos 42', 'Retomar'],
    },
    'copy-in-sync': {
      screen: desktops([copying({ kind: 'inSync' }), OFF]),
      en: ['The copy on this PC is complete', 'Work on this PC'],
      pt: ['A cópia neste PC está completa', 'Trabalhar neste PC'],
    },
    'copy-behind': {
      screen: desktops([copying({ kind: 'behind', bytesLeft: 123_000_000 })]),
      en: ['Catching up: 123 MB', 'Nothing is lost'],
      pt: ['faltam 123 MB', 'Nada se perde'],
    },
    'copy-disconnected': {
      screen: desktops([copying({ kind: 'disconnected', since: iso }, { holder: held(HERE) })]),
      en: ['Not connected since', 'The server cannot be reached', 'Work on the server'],
      pt: ['Sem ligação desde', 'Não se consegue chegar ao servidor', 'Trabalhar no servidor'],
    },
    'copy-detaching': {
      screen: desktops([copying({ kind: 'detaching' })]),
      en: ['Putting the copy away'],
      pt: ['A arrumar a cópia'],
    },
    'copy-failed': {
      screen: desktops([
        copying({ kind: 'failed', reason: 'The disk of this PC reported a read error.', hint: 'Choose another disk.' }),
      ]),
      en: ['The copy has stopped', 'read error', 'Choose another disk'],
      pt: ['A cópia parou', 'read error'],
    },
    'copy-elsewhere': {
      screen: desktops([desktop('maths', running, { attachment: attached({ kind: 'inSync' }, { pc: THERE }) })]),
      en: ['A copy is kept on the PC lab-pc-12', 'It is kept on the PC lab-pc-12'],
      pt: ['Há uma cópia no PC lab-pc-12'],
    },
  };
}

/** A desktop on its way, with its disk complete at both ends. */
export function moving(percent: number, phase: 'copyingMemory' | 'switchingOver', to: 'pc' | 'server'): Desktop {
  const move = { to, since: iso, phase, percent };
  return copying({ kind: 'inSync' }, { move, ...(to === 'server' && { holder: held(HERE) }) });
}

function moveCases(desktops: Desktops): Record<string, Case> {
  return {
    'move-here': {
      screen: desktops([moving(63, 'copyingMemory', 'pc'), OFF]),
      en: ['Moving to this PC', 'Copying what is open, 63%', 'Cancel'],
      pt: ['A passar para este PC', 'A copiar o que está aberto', 'Cancelar'],
    },
    'move-to-server': {
      screen: desktops([moving(98, 'switchingOver', 'server')]),
      en: ['Moving to the server', 'Switching over'],
      pt: ['A passar para o servidor', 'A mudar'],
    },
    'move-when-same': {
      screen: desktops([
        desktop('maths', OFF.state, {
          attachment: attached(SYNCING),
          holder: held(HERE),
          move: { to: 'server', since: iso, phase: 'preparing', percent: 0 },
        }),
      ]),
      en: ['as soon as both copies are the same', 'Copying to this PC: 42%', '4 minutes left', 'Cancel'],
      pt: ['logo que as duas cópias sejam iguais', 'A copiar para este PC: 42', 'faltam 4 minutos', 'Cancelar'],
    },
    'move-not-possible': {
      screen: desktops([
        desktop('maths', running, {
          attachment: attached(
            { kind: 'inSync' },
            {
              localHost: {
                possible: false,
                reason: 'this PC cannot run desktops: virtualisation is switched off, or missing',
              },
            },
          ),
        }),
      ]),
      en: ['Work on this PC', 'This PC cannot run desktops: virtualisation is switched off, or missing.'],
      pt: ['Trabalhar neste PC', 'Este PC não consegue correr ambientes'],
    },
    'move-failed': {
      screen: desktops([
        copying(
          { kind: 'inSync' },
          {
            notice: {
              at: iso,
              text: 'maths could not be moved: nothing was copied any more. It goes on where it was.',
            },
          },
        ),
      ]),
      en: ['maths could not be moved', 'It goes on where it was'],
      pt: ['Não foi possível mudar maths: já nada era copiado. Continua onde estava.'],
    },
    'works-here': {
      screen: desktops([copying({ kind: 'inSync' }, { holder: held(HERE) }), OFF]),
      en: ['This PC', 'Work on the server', 'Running'],
      pt: ['Este PC', 'Trabalhar no servidor', 'Em execução'],
    },
    'sends-changes': {
      screen: desktops([copying({ ...SYNCING, to: 'server', percent: 12 }, { holder: held(HERE) })]),
      en: ['Sending the changes to the server: 12%'],
      pt: ['A enviar as alterações para o servidor: 12'],
    },
    'works-elsewhere': {
      screen: desktops([
        desktop('maths', running, {
          holder: held(THERE, false),
          attachment: attached({ kind: 'disconnected', since: iso }, { pc: THERE }),
        }),
      ]),
      en: ['PC lab-pc-12', 'which the server cannot reach now'],
      pt: ['PC lab-pc-12', 'a que o servidor não consegue chegar'],
    },
  };
}

function diskCases(): Record<string, Case> {
  return {
    'disks-looking': { screen: disksWithoutList(), en: ['Looking at the disks'], pt: ['A ver os discos'] },
    disks: {
      screen: disks(),
      en: [
        'Keep a copy of maths on this PC',
        'Samsung SSD 870 EVO',
        '500 GB',
        'S6PUNX0T415702K',
        'Windows and Ubuntu 24.04.1 LTS (5 partitions)',
        'eui.002538b111b0c9f4',
        'nothing that this PC knows',
        'this PC starts from it',
        'it is too small; 21 GB are needed',
        'No, work remotely',
        'overwritten',
      ],
      pt: ['Windows e Ubuntu', '5 partições', 'este PC arranca a partir dele', 'Não, trabalhar à distância', 'apagado'],
    },
    'disks-none': {
      screen: disks({ disks: [STICK, SMALL] }),
      en: ['No disk of this PC can be used'],
      pt: ['Nenhum disco deste PC pode ser usado'],
    },
    'disks-busy': {
      screen: disks({ busy: true }),
      en: ['The disk is being set up'],
      pt: ['O disco está a ser preparado'],
    },
    'disks-problem': {
      screen: disks({ problem: 'nothing was written: the disk is in use by something else' }),
      en: ['That did not work', 'Nothing was written'],
      pt: ['Não foi possível'],
    },
  };
}

function disksWithoutList(): Screen {
  return {
    kind: 'disks',
    desktop: { id: RUNNING.id, name: 'maths', bytes: RUNNING.diskBytes },
    busy: false,
  };
}

function leavingCases(): Record<string, Case> {
  return {
    'leaving-moving': {
      screen: leaving({ kind: 'moving', percent: 37 }, 'powerOff'),
      en: ['Turning off', 'maths goes back to the server', '37%', 'Stay here'],
      pt: ['A desligar', 'maths volta para o servidor', 'Ficar aqui'],
    },
    'leaving-syncing': {
      screen: leaving({ kind: 'syncing', percent: 80, bytesLeft: 340_000_000, secondsLeft: 70 }, 'logOut'),
      en: ['Logging out', 'last changes of maths', '340 MB to go', '1 minute left'],
      pt: ['A terminar a sessão', 'últimas alterações de maths', 'faltam 340 MB'],
    },
    'leaving-finishing': {
      screen: leaving({ kind: 'finishing' }, 'restart'),
      en: ['Restarting', 'put away'],
      pt: ['A reiniciar', 'arrumada'],
    },
    'leaving-shutting-down': {
      screen: leaving({ kind: 'shuttingDown' }, 'powerOff'),
      en: ['maths is shutting down'],
      pt: ['maths está a encerrar'],
    },
    'leaving-asking': {
      screen: leaving({ kind: 'asking', why: { kind: 'serverLost' } }, 'powerOff'),
      en: [
        'maths cannot go back to the server now',
        'The server cannot be reached',
        'Shut down and turn off',
        'Stay here',
      ],
      pt: ['maths não pode voltar agora', 'Encerrar e desligar', 'Ficar aqui'],
    },
  };
}

function otherCases(): Record<string, Case> {
  return {
    'opening-dark': {
      screen: { kind: 'opening', desktop: 'maths', step: '', since: NOW - 4000, dark: true },
      en: ['Waiting for the screen of maths', 'shows nothing yet', 'Show its screen now', 'Cancel'],
      pt: ['À espera do ecrã de maths', 'ainda não mostra nada', 'Mostrar já o ecrã'],
    },
    'server-lost-works-here': {
      screen: {
        kind: 'serverLost',
        since: NOW - 125_000,
        problem: { kind: 'unreachable', host: 'desktops.school.example', detail: 'no answer for 30 s' },
        here: { id: RUNNING.id, name: 'maths' },
      },
      en: ['maths runs on this PC', 'Open maths'],
      pt: ['maths está em execução neste PC', 'Abrir maths'],
    },
  };
}
