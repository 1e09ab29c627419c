/** How each step is done. A mapped type: a step without an executor does not compile. */
import type { Step } from '../plan.ts';
import type { Runtime } from '../runtime.ts';
import { copyExecutors } from './copies.ts';
import { sessionExecutors } from './session.ts';
import { viewerExecutors } from './viewer.ts';

/** Waiting is the one step that nobody carries out. */
type Doable = Exclude<Step, { do: 'waitForDesktop' }>;
export type Executors = {
  [K in Doable['do']]: (step: Extract<Doable, { do: K }>, runtime: Runtime) => Promise<void>;
};

export const executors: Executors = { ...sessionExecutors, ...viewerExecutors, ...copyExecutors };
