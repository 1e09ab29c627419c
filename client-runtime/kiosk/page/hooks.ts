import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';

/** The time now (ms since the epoch), again at every full second as long as `active`. */
export function useNow(active = true): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!active) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [active]);
  return now;
}

/** Whole seconds until `at` (ms since the epoch), 0 when it is over. */
export function secondsUntil(at: number, now: number): number {
  return Math.max(0, Math.ceil((at - now) / 1000));
}

/** Whole seconds since `at` (ms since the epoch), 0 for the future: the clock may have been set meanwhile. */
export function secondsSince(at: number, now: number): number {
  return Math.max(0, Math.floor((now - at) / 1000));
}

/**
 * Puts the focus on an element when the screen it stands on appears, so that the keyboard works at once, unless the
 * person is just using a menu or a question.
 */
export function useFirstFocus(target: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    if (document.activeElement?.closest('dialog, [role="menu"]')) return;
    target.current?.focus({ preventScroll: true });
  }, [target]);
}

let ids = 0;

/**
 * An id for as long as the component lives. Preact's own useId gave two sections that came and went the same one
 * (11.2.0), and a label that names the wrong thing is worse than none.
 */
export function useId(): string {
  const [id] = useState(() => `id-${++ids}`);
  return id;
}

/** Escape does what the way out of a screen does, unless a menu or a question has it. */
export function useEscape(leave: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]')) leave();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [leave]);
}
