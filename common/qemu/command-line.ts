import {
  board,
  disk,
  firmware,
  hardening,
  identity,
  incoming,
  monitor,
  network,
  random,
  screen,
  serialPorts,
  sound,
  usb,
} from './devices.ts';
import type { Machine } from './machine.ts';

/**
 * The whole command line of a desktop. The order is part of the machine (PCI slots are given in it), so it is the same
 * on every host; add at the end.
 */
export function commandLine(machine: Machine, program = '/usr/bin/qemu-system-x86_64'): [string, ...string[]] {
  return [
    program,
    ...identity(machine),
    ...hardening(),
    ...board(machine),
    ...firmware(machine),
    ...monitor(machine),
    ...screen(machine),
    ...disk(machine),
    ...network(machine),
    ...serialPorts(machine),
    ...usb(),
    ...sound(),
    ...random(),
    ...incoming(machine),
  ];
}
