/** Switching a desktop on and off that a PC holds. The server only passes it on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, UserError } from '#common/errors.ts';
import type { DesktopRow } from '../database/schema.ts';
import type { RemoteHost } from '../hosts/hosts.ts';
import { hostedOf } from '../inventory/record.ts';
import { Problem } from '../problem.ts';
import type { Pair } from './pair.ts';
import { connected } from './plan.ts';

export interface Held {
  pair: Pair;
  row: DesktopRow;
  pcName: string;
}

/**
 * Returns false when it is for the server to start it after all: the PC was lost before it had every block, so that the
 * server has everything, and holds it from now on. @throws Problem
 */
export async function startHeld(held: Held): Promise<boolean> {
  const { pair, row } = held;
  const { store, timing, now, onChange } = pair.context;
  if (isLost(held)) {
    await pair.alone(() => store.takeBack(row.id, row.generation, undefined));
    await pair.putRight(); // the PC is shut out before the desktop starts here
    return false;
  }
  const host = await hostOf(held);
  const { memory } = pair;
  if (memory.pcAttached?.machine.kind === 'running' || memory.startingSince !== undefined) return true;
  memory.startingSince = now();
  onChange(row.id, 'at once');
  const started = asked(host.startMachine({ desktop: hostedOf(row) })).finally(() => {
    memory.startingSince = undefined;
    onChange(row.id, 'at once');
  });
  // Whoever asked waits for a refusal, but not for as long as a slow PC may need; then the notice tells.
  const waited = sleep(timing.readyMs, 'waited', { ref: false });
  if ((await Promise.race([started, waited])) === 'waited') started.catch((error) => startFailed(held, error));
  return true;
}

/** @throws Problem */
export async function shutDownHeld(held: Held): Promise<void> {
  const host = await hostOf(held);
  await asked(host.shutDown({ desktop: held.row.id }));
}

/** @throws Problem */
export async function forceOffHeld(held: Held): Promise<void> {
  const host = await hostOf(held);
  await asked(host.endMachine({ desktop: held.row.id }));
}

/** Whether its PC is gone for a while, and never had every block. */
function isLost({ pair, row }: Held): boolean {
  const { now, timing } = pair.context;
  if (row.holder_complete === 1 || pair.host?.address !== undefined || connected(pair.serverDrbd)) return false;
  return now() - pair.memory.disconnectedSince > timing.lostAfterMs;
}

async function hostOf({ pair, row, pcName }: Held): Promise<RemoteHost> {
  const { host, memory } = pair;
  if (host?.address === undefined) {
    throw new Problem('conflict', `${row.name} is on ${pcName}, with the newest copy, and ${pcName} is not connected`, {
      hint: 'Start that PC and log in there. If it is lost, an administrator can take the desktop back.',
    });
  }
  // It may just have come back, and be getting its disk ready.
  const patience = sleep(pair.context.timing.readyMs, undefined, { ref: false });
  if (!memory.pcAttached) await Promise.race([pair.putRight(), patience]);
  if (memory.pcAttached) return host;
  throw new Problem('conflict', `${pcName} is getting the disk of ${row.name} ready`, {
    hint: 'Try again in a moment.',
  });
}

async function startFailed({ pair, row }: Held, error: unknown): Promise<void> {
  const { log, store, onChange } = pair.context;
  log.warn({ err: error, desktop: row.id }, 'a PC did not start its desktop');
  await store.notice(row.id, `${row.name} could not be started: ${messageOf(error)}`);
  onChange(row.id, 'at once');
}

/** What a PC refuses, or cannot do, is told to the person who asked. */
async function asked<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message, hint } = error;
    throw new Problem('unavailable', message, { cause: error, ...(hint !== undefined && { hint }) });
  }
}
