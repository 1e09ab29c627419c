/** Our mark: a screen that holds an F of three bars, one for each place a desktop can run. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
      <rect class="mark-ground" x="1" y="1" width="38" height="38" rx="10" />
      <rect class="mark-bar" x="11" y="10" width="5" height="21" rx="2.5" />
      <rect class="mark-bar" x="11" y="10" width="19" height="5" rx="2.5" />
      <rect class="mark-accent" x="19" y="19" width="9" height="5" rx="2.5" />
    </svg>
  );
}

export function Logo() {
  return (
    <span class="logo" role="img" aria-label="FlexDeploy">
      <Mark />
      <span class="wordmark" aria-hidden="true">
        Flex<b>Deploy</b>
      </span>
    </span>
  );
}
