import { closeSync, constants, openSync, writeSync } from 'node:fs';

/**
 * Writes `flexdeploy: TEXT` to the device named by FLEXDEPLOY_STATUS (the image's unit says /dev/ttyS0), for whoever
 * watches the serial console; does nothing without it. A console that does not take it is no reason to wait or fail.
 */
export function statusLine(text: string): void {
  const device = process.env.FLEXDEPLOY_STATUS;
  if (device === undefined || device === '') return;
  try {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;
    const fd = openSync(device, flags);
    try {
      writeSync(fd, `flexdeploy: ${text}\r\n`);
    } finally {
      closeSync(fd);
    }
  } catch {
    // see above
  }
}
