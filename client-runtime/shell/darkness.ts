/**
 * Whether a desktop's screen shows nothing: all black, or QEMU's own words on black while the guest's display is not
 * active ("Display output is not active.", "Guest has not initialized the display (yet)."). Pure.
 */

/** A picture as GdkPixbuf has it: rows of RGB or RGBA. */
export interface Pixels {
  bytes: Uint8Array;
  width: number;
  height: number;
  rowstride: number;
  channels: number;
}

/** QEMU's console font, and the longest line that it puts on an empty screen (ui/console.c). */
const FONT = { width: 8, height: 16 } as const;
const LONGEST_LINE = 60;
/** Compression and scaling leave black not quite black. */
const BLACK = 24;

export function isDark({ bytes, width, height, rowstride, channels }: Pixels): boolean {
  // the one line of text is centred, on the grid of the font
  const top = Math.floor((Math.floor(height / FONT.height) - 1) / 2) * FONT.height;
  const margin = Math.max(0, Math.floor((width - LONGEST_LINE * FONT.width) / 2));
  for (let y = 0; y < height; y++) {
    const inLine = y >= top && y < top + FONT.height;
    const row = y * rowstride;
    for (let x = 0; x < width; x++) {
      if (inLine && x === margin) x = Math.max(x, width - margin);
      const at = row + x * channels;
      if ((bytes[at] ?? 0) > BLACK || (bytes[at + 1] ?? 0) > BLACK || (bytes[at + 2] ?? 0) > BLACK) return false;
    }
  }
  return true;
}
