/** What the runtime does and shows in one situation after the other. */
import type { Test } from 'tap';
import type { Facts, Wanted } from '../../../client-runtime/facts.ts';
import { nextSteps, type Step } from '../../../client-runtime/plan.ts';
import { kioskState } from '../../../client-runtime/screen.ts';
import { sentence } from '../../../client-runtime/sentences.ts';
import { display } from './situation.ts';

export type Case = [name: string, facts: Facts, wanted: Wanted, steps: string[], screen: string];

const told = (step: Step): string => ('place' in step ? `${step.do} ${step.place}` : step.do);

export function checkCases(t: Test, cases: readonly Case[]): void {
  for (const [name, knows, wants, steps, expected] of cases) {
    const planned = nextSteps(knows, wants);
    t.same(planned.map(told), steps, name);
    for (const step of planned) if (step.do !== 'waitForDesktop') t.not(sentence(step, 'pt'), sentence(step, 'en'));
    const { screen } = kioskState(knows, wants, display, ['us']);
    const words: string[] = [screen.kind];
    if (screen.kind === 'opening' && screen.dark) words.push('dark');
    if (screen.kind === 'disks' && screen.busy) words.push('busy');
    if (screen.kind === 'serverLost' && screen.here) words.push('here');
    if (screen.kind === 'leaving') words.push(screen.step.kind);
    if (screen.kind === 'leaving' && screen.step.kind === 'asking') words.push(screen.step.why.kind);
    t.equal(words.join(' '), expected, `${name}: the screen`);
  }
}
