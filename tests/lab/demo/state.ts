/** What the demo's server tells its page, whole, whenever it changes; and what the page may ask for. */
import type { Step } from './steps.ts';

export type MachineName = 'server' | 'pc';

export interface DemoState {
  steps: Step[];
  machines: Record<MachineName, { on: boolean; cable: boolean; about: string }>;
  /** The log-in to type, once there is an account. */
  login?: { user: string; password: string };
}

export const ACTIONS = ['pull-cable', 'plug-cable', 'cut-power', 'switch-on'] as const;
export type Action = (typeof ACTIONS)[number];
