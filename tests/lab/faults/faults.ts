/** What can go wrong, and how it is put right again: everything a lab can do to machines and processes from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from '../machine.ts';
import type { World } from './world.ts';

export type FaultName = keyof typeof FAULTS;

interface Fault {
  /** What a person would say happened. */
  words: string;
  /** Does it, holds it for `holdMs` where it has a length, and puts the cause right again. */
  strike(world: World, holdMs: number): Promise<void>;
}

/** How a process that is looked for by its unit is killed: no goodbye. */
async function killUnit(machine: Machine, unit: string): Promise<void> {
  await machine.shell(`systemctl kill --signal=KILL '${unit}' 2>/dev/null; true`);
}

const cut = (pick: (world: World) => Machine) => async (world: World, holdMs: number) => {
  await pick(world).cutLink();
  await sleep(holdMs);
  await pick(world).healLink();
};

const freeze = (pick: (world: World) => Machine) => async (world: World, holdMs: number) => {
  await pick(world).freeze();
  await sleep(holdMs);
  await pick(world).continue();
};

const powerCut = (pick: (world: World) => Machine) => async (world: World, holdMs: number) => {
  await pick(world).powerCut();
  await sleep(Math.min(holdMs, 3_000));
  await pick(world).start();
};

const DESKTOP_UNITS = 'flexdeploy-desktop-*.service';

export const FAULTS = {
  pcLinkCut: { words: "the PC's cable is pulled for a while", strike: cut((w) => w.pc) },
  serverLinkCut: { words: "the server's cable is pulled for a while", strike: cut((w) => w.server) },
  pcFrozen: { words: 'the PC hangs for a while', strike: freeze((w) => w.pc) },
  serverFrozen: { words: 'the server hangs for a while', strike: freeze((w) => w.server) },
  serverProcessKilled: {
    words: 'the server process is killed',
    strike: (w) => killUnit(w.server, 'flexdeploy-server.service'),
  },
  runtimeKilled: { words: "the PC's runtime is killed", strike: (w) => killUnit(w.pc, 'flexdeploy-runtime.service') },
  serverQemuKilled: { words: 'QEMU on the server is killed', strike: (w) => killUnit(w.server, DESKTOP_UNITS) },
  pcQemuKilled: { words: 'QEMU on the PC is killed', strike: (w) => killUnit(w.pc, DESKTOP_UNITS) },
  pcPowerCut: { words: 'the PC loses power', strike: powerCut((w) => w.pc) },
  serverPowerCut: { words: 'the server loses power', strike: powerCut((w) => w.server) },
} as const satisfies Record<string, Fault>;
