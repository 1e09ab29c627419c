/** Three screens, one behind the other, faint in the corner: one desktop, three places it can run. */
export function Backdrop() {
  return (
    <svg class="backdrop" viewBox="0 0 100 100" aria-hidden="true" focusable="false">
      <rect x="58" y="8" width="80" height="56" rx="5" />
      <rect x="40" y="32" width="80" height="56" rx="5" />
      <rect x="22" y="56" width="80" height="56" rx="5" />
    </svg>
  );
}
