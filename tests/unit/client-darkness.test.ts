import t from 'tap';
import { isDark, type Pixels } from '../../client-runtime/shell/darkness.ts';

function picture(width: number, height: number, channels = 3): Pixels {
  const rowstride = Math.ceil((width * channels) / 4) * 4;
  return { bytes: new Uint8Array(rowstride * height), width, height, rowstride, channels };
}

function dot(p: Pixels, x: number, y: number, light = 170): Pixels {
  p.bytes.fill(light, y * p.rowstride + x * p.channels, y * p.rowstride + x * p.channels + 3);
  return p;
}

/** Letters of 8 x 16 in the middle, as QEMU's `qemu_create_placeholder_surface` puts them. */
function message(p: Pixels, letters: number): Pixels {
  const x = Math.floor((Math.floor(p.width / 8) - letters) / 2) * 8;
  const y = Math.floor((Math.floor(p.height / 16) - 1) / 2) * 16;
  for (let i = 0; i < letters * 8; i += 3) for (let row = 2; row < 14; row++) dot(p, x + i, y + row);
  return p;
}

t.test('black, and QEMU saying that there is nothing to see', async (t) => {
  for (const [width, height] of [
    [640, 480],
    [1280, 800],
    [1024, 768],
    [1366, 768],
    [720, 400],
  ] as const) {
    t.ok(isDark(picture(width, height)), `${width} x ${height} black`);
    t.ok(isDark(message(picture(width, height), 29)), `${width} x ${height} "Display output is not active."`);
    t.ok(isDark(message(picture(width, height, 4), 44)), `${width} x ${height} "Guest has not initialized …", RGBA`);
  }
  t.ok(isDark(dot(picture(640, 480), 10, 10, 16)), 'black that is not quite black');
  t.ok(isDark(picture(0, 0)), 'no picture at all');
});

t.test('a desktop', async (t) => {
  t.notOk(isDark(dot(picture(640, 480), 0, 0)), 'a cursor in the corner');
  t.notOk(isDark(dot(picture(1280, 800), 1279, 799)), 'one bright dot in the last corner');
  t.notOk(isDark(message(picture(1280, 800), 80)), 'a longer line of text');
  t.notOk(isDark(dot(message(picture(640, 480), 29), 320, 300)), 'the words, and something else');
});
