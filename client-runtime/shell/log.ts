/** One line to the journal of the kiosk unit. Never a ticket, never what was typed. */
export function log(words: string): void {
  printerr(`flexdeploy-shell: ${words}`);
}
