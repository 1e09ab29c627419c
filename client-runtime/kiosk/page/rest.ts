/** Milliseconds without a key or the mouse after which a field rests. */
export const REST_AFTER_MS = 20_000;

/**
 * Takes the focus away from a text field that nobody types in, which goes on looking as if it had it, and gives it back at
 * the first sign of the person: what is typed arrives in it all the same. WebKit (2.54) draws 60 times a second for as
 * long as there is a caret, blinking or not: three quarters of an emulated processor, all night, at a login screen.
 */
export function letFieldsRest(): void {
  let resting: HTMLInputElement | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const rest = () => {
    const field = document.activeElement;
    if (!(field instanceof HTMLInputElement) || !['text', 'password'].includes(field.type)) return;
    resting = field;
    field.dataset.resting = '';
    field.blur();
  };
  const wake = () => {
    clearTimeout(timer);
    timer = setTimeout(rest, REST_AFTER_MS);
    const field = resting;
    resting = undefined;
    if (!field) return;
    delete field.dataset.resting;
    if (field.isConnected && document.activeElement === document.body) field.focus({ preventScroll: true });
  };
  for (const sign of ['keydown', 'pointermove', 'pointerdown', 'focusin']) {
    document.addEventListener(sign, wake, { capture: true });
  }
  wake();
}
