/** Chromium for the browser tests: one place that knows where it is and how it starts without asking anything outside. */
import { access } from 'node:fs/promises';
import { type Browser, chromium } from 'playwright-core';
import { UserError } from '#common/errors.ts';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/**
 * Starts Debian's Chromium, headless, in software.
 * @throws UserError if it is not installed
 */
export async function launchBrowser(): Promise<Browser> {
  try {
    await access(CHROMIUM);
  } catch (cause) {
    throw new UserError(`${CHROMIUM} is not there`, { hint: 'Install the Debian package chromium.', cause });
  }
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
