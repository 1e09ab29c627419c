/** The coloured dot before a state: full or a ring. Drawn, because WebKit makes squares of small round borders. */
export function Dot({ full }: { full: boolean }) {
  return (
    <svg class={full ? 'dot-mark full' : 'dot-mark'} viewBox="0 0 10 10" aria-hidden="true" focusable="false">
      <circle cx="5" cy="5" r="4" />
    </svg>
  );
}
