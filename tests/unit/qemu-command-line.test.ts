import t from 'tap';
import { commandLine } from '#common/qemu/command-line.ts';
import { value } from '#common/qemu/devices.ts';
import { type Machine, macFor, uuidFor } from '#common/qemu/machine.ts';

const id = '0123456789abcdef';
const machine: Machine = {
  name: 'ana-debian',
  uuid: uuidFor(id),
  firmware: { kind: 'bios' },
  cpus: 2,
  memoryMiB: 2048,
  disk: { path: '/dev/flexdeploy/desk-0123456789abcdef', blockDevice: true, serial: id },
  network: { mac: macFor(id) },
  screen: { address: '10.86.0.1', port: 5900 },
  monitor: '/run/m.sock',
  agent: '/run/a.sock',
};

t.test('a BIOS desktop', async (t) => {
  t.matchSnapshot(commandLine(machine).join('\n'));
});

t.test('a UEFI desktop differs in its firmware only', async (t) => {
  const uefi = commandLine({ ...machine, firmware: { kind: 'uefi', codePath: '/code.fd', varsPath: '/vars.fd' } });
  const bios = new Set(commandLine(machine));
  t.matchSnapshot(uefi.filter((argument) => !bios.has(argument)).join('\n'));
});

t.test('values cannot become options', async (t) => {
  t.equal(value('/a,b'), '/a,,b');
  t.throws(() => value('a\nb'));
  const odd = commandLine({ ...machine, name: 'x,process=evil' });
  t.ok(odd.includes('guest=x,,process=evil,process=flexdeploy-desktop'));
});

t.test('identity follows from the id and keeps to the rules of its format', async (t) => {
  t.match(macFor(id), /^52:54:00(:[0-9a-f]{2}){3}$/);
  t.match(uuidFor(id), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  t.not(uuidFor(id), uuidFor('0123456789abcdee'));
});
