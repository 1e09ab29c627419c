import t from 'tap';
import { commandLine, type MachineFiles } from '../lab/command-line.ts';
import { crashIn, sleptThrough } from '../lab/emulator-fault.ts';
import { beginOfState, findFlags } from '../lab/interrupt-flag.ts';
import { keysOfCharacter, keysOfChord } from '../lab/keyboard.ts';
import { likeOnScreen } from '../lab/kiosk-walk.ts';
import { filledPart, findWords, parsePpm, textOf, type Word } from '../lab/screen-text.ts';

t.test('every character of a US keyboard has its keys', async (t) => {
  t.same(keysOfCharacter('a'), ['a']);
  t.same(keysOfCharacter('Z'), ['shift', 'z']);
  t.same(keysOfCharacter('"'), ['shift', 'apostrophe']);
  t.same(keysOfCharacter('%'), ['shift', '5']);
  t.same(keysOfCharacter('\n'), ['ret']);
  for (let code = 32; code < 127; code++) {
    const character = String.fromCharCode(code);
    t.ok(keysOfCharacter(character).length > 0, character);
  }
  t.throws(() => keysOfCharacter('é'), /no key of a US keyboard/);
});

t.test('a chord is written as people write it', async (t) => {
  t.same(keysOfChord('Ctrl-Alt-Home'), ['ctrl', 'alt', 'home']);
  t.same(keysOfChord('enter'), ['ret']);
});

t.test('a PPM becomes brightness', async (t) => {
  const picture = parsePpm(Buffer.concat([Buffer.from('P6\n2 1\n255\n'), Buffer.from([255, 255, 255, 0, 0, 0])]));
  t.match(picture, { width: 2, height: 1 });
  t.same([...picture.grey], [255, 0]);
  t.equal(filledPart(picture), 0.5);
  t.throws(() => parsePpm(Buffer.from('P6\n2 1\n255\n123')), /cut short/);
  t.throws(() => parsePpm(Buffer.from('GIF89a')), /not a binary PPM/);
});

const words: Word[] = [
  { text: 'Press', left: 0, top: 0, width: 40, height: 10, line: 0 },
  { text: 'Enter', left: 50, top: 0, width: 40, height: 10, line: 0 },
  { text: 'to', left: 100, top: 0, width: 10, height: 10, line: 0 },
  { text: 'open', left: 120, top: 0, width: 40, height: 10, line: 0 },
  { text: 'Open', left: 100, top: 100, width: 40, height: 20, line: 1 },
  { text: 'Log', left: 200, top: 100, width: 20, height: 20, line: 2 },
  { text: 'out.', left: 230, top: 100, width: 20, height: 20, line: 2 },
];

t.test('words are found where they stand, in the case they have', async (t) => {
  t.same(findWords(words, 'Open'), { x: 120, y: 110 });
  t.same(findWords(words, 'Log out'), { x: 225, y: 110 });
  t.equal(findWords(words, 'Close'), undefined);
  const glued = ['Work', 'onthis', 'PC', '>'].map((text, i) => ({
    text,
    left: 50 * i,
    top: 0,
    width: 40,
    height: 10,
    line: 0,
  }));
  t.same(findWords(glued, 'Work on this PC'), { x: 70, y: 5 }, 'glued words are found');
  t.equal(findWords(glued, 'Work on'), undefined, 'but no part of one');
  t.equal(textOf(words), 'Press Enter to open\nOpen\nLog out.');
});

t.test('a sentence is known again as recognition gives it back', async (t) => {
  const sentence = likeOnScreen('One stick, any PC.');
  t.match('0ne stick, anyPC.', sentence);
  t.match('One st1ck, any\nPC.', sentence);
  t.notMatch('Two sticks', sentence);
});

const files: MachineFiles = {
  qmp: '/run/pc.qmp',
  vnc: '/run/pc.vnc',
  serial: '/run/pc.serial.log',
  console: '/run/pc.hvc0',
  uefiVariables: '/run/pc.uefi',
  disks: new Map([['stick', '/run/a,b.qcow2']]),
};

t.test('a machine of the lab is what its options say', async (t) => {
  const line = commandLine(
    'pc',
    {
      memoryMiB: 1024,
      firmware: 'uefi-secure-boot',
      disks: [{ serial: 'stick', base: 'x.iso', bus: 'usb' }],
      nics: [{ forwards: [{ protocol: 'tcp', hostPort: 5000, guestPort: 443 }] }, { alone: true }],
    },
    files,
    'tcg',
  ).join(' ');
  t.match(line, 'q35,smm=on');
  t.match(line, 'OVMF_CODE_4M.secboot.fd');
  t.match(line, 'a,,b.qcow2', 'a comma in a file name is doubled');
  t.match(line, 'usb-storage,bus=usb.0,removable=on,id=stick');
  t.match(line, 'hostfwd=tcp:127.0.0.1:5000-:443', 'forwarded ports listen on this machine only');
  t.match(line, 'hubport,id=net1');
  t.match(line, '-cpu max,svm=on', 'guests find virtualisation inside');
  t.notMatch(line, '-kernel');
  t.match(line, 'cache.no-flush=on', 'tests do not wait for the disk of this machine');
  const measured = { memoryMiB: 1024, disks: [{ serial: 'stick', flushes: true }] } as const;
  t.notMatch(commandLine('pc', measured, files, 'kvm').join(' '), 'no-flush', 'what measures a disk does');
});

t.test('a processor that sleeps through interrupts is told from one that sleeps', async (t) => {
  // what QEMU 7.2 said of the two processors of a server that stood still, shortened
  const registers = 'RIP=ffffffff83f12a3f RFL=00000206 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n';
  const lapic = (irr: string, ppr = '0x10') =>
    `LVTT\t 0x000000ec one-shot Fixed (vec 236)\r\nISR\t (none)\r\nIRR\t ${irr}\r\n\r\nAPR 0x00 TPR 0x10 PPR ${ppr}\r\n`;
  t.same(sleptThrough(registers, lapic('39 41 236 251 253 ')), [39, 41, 236, 251, 253]);
  t.same(sleptThrough(registers, lapic('(none)')), []);
  t.same(sleptThrough(registers, lapic('39 41 ', '0x20')), [], 'of no higher class than what it is at');
  t.same(sleptThrough(registers.replace('HLT=1', 'HLT=0'), lapic('39 ')), [], 'it is awake');
  t.same(sleptThrough(registers.replace('00000206', '00000006'), lapic('39 ')), [], 'it allows no interrupts');
  t.same(sleptThrough('', ''), []);
});

t.test('a kernel that has crashed is told by its serial log', async (t) => {
  const lockup = (seconds: number) =>
    `[  240.771103] watchdog: BUG: soft lockup - CPU#0 stuck for ${seconds}s! [gjs:423]\r\n`;
  t.equal(crashIn(`flexdeploy: ready\n${lockup(22)}${lockup(99)}`), undefined, 'it may come through');
  t.match(crashIn(lockup(22) + lockup(131)), /^BUG: soft lockup - CPU#0 stuck for 131s! \[gjs:423\]$/);
  t.equal(
    crashIn(
      '[ 1154.351396] Kernel panic - not syncing: Fatal exception in interrupt\r\n[ 1154.36] Kernel Offset: 0x19\r\n',
    ),
    'Kernel panic - not syncing: Fatal exception in interrupt',
  );
});

t.test('the flags of an emulated processor are found by its registers', async (t) => {
  const names = 'RAX RBX RCX RDX RSI RDI RBP RSP R8 R9 R10 R11 R12 R13 R14 R15 RIP'.split(' ');
  const registers = names.map((name, i) => `${name.padEnd(3)}=${`${i + 1}`.padStart(16, '0')}`).join(' ');
  const begin = beginOfState(`CPU#1\n${registers} RFL=00000206 [-----P-] CPL=0`);
  if (!begin) return t.fail('no registers were read');
  t.equal(begin.length, 136);
  t.equal(begin.readBigUInt64LE(8), 3n, 'RCX is the second in memory');
  t.equal(begin.readBigUInt64LE(128), 0x17n, 'RIP is the last');
  t.equal(beginOfState('EAX=00000001 EBX=00000002'), undefined, 'in 32-bit mode');

  const state = (hflags: number, hflags2: number) => {
    const rest = Buffer.alloc(64);
    rest.writeUInt32LE(hflags, 40);
    rest.writeUInt32LE(hflags2, 44);
    return Buffer.concat([begin, rest]);
  };
  const [kernel, guest] = [(1 << 14) | (1 << 15) | (1 << 20), 1 << 21];
  const before = Buffer.alloc(4096);
  t.equal(findFlags(Buffer.concat([before, state(kernel, 0)]), begin), 4096 + 180);
  t.equal(findFlags(Buffer.concat([state(0, 0), before, state(kernel, 1)]), begin), 200 + 4096 + 180, 'behind a copy');
  t.equal(findFlags(state(kernel | guest, 0), begin), -1, 'it runs a guest');
  t.equal(findFlags(state(kernel, 0xffff), begin), -1, 'flags that do not exist');
  t.equal(findFlags(state(kernel, 0).subarray(0, 182), begin), -1, 'cut short');
  t.equal(findFlags(before, begin), -1);
});
