/** Entry of the kiosk page: connects to the runtime that served it and draws what it says. */
import { render } from 'preact';
import type { KioskState } from '../protocol.ts';
import { App } from './app.tsx';
import { connect } from './connection.ts';
import { letFieldsRest } from './rest.ts';

/** How long the runtime may be away before the page says so: a restart of its process takes less. */
const GRACE_MS = 1500;

const root = document.getElementById('app');
if (!root) throw new Error('index.html has no #app');

let state: KioskState | undefined;
let connected = true;
let graceTimer: ReturnType<typeof setTimeout> | undefined;
/** That was asked for, to draw in it. */
let frame = 0;

const draw = () => {
  cancelAnimationFrame(frame);
  frame = 0;
  render(<App state={state} connected={connected} send={connection.send} />, root);
};

/**
 * At the next frame, if there are any: a PC that draws more slowly than states come shows the newest, and is not minutes
 * behind. A page that nobody sees has no frames, and costs nothing to draw.
 */
const drawSoon = () => {
  if (document.hidden) draw();
  else frame ||= requestAnimationFrame(draw);
};
document.addEventListener('visibilitychange', draw);

const connection = connect(new URL('/kiosk', location.href.replace(/^http/, 'ws')).href, {
  onState(next) {
    state = next;
    drawSoon();
  },
  onConnected(now) {
    clearTimeout(graceTimer);
    graceTimer = undefined;
    if (now) {
      connected = true;
      drawSoon();
    } else if (connected) {
      graceTimer = setTimeout(() => {
        connected = false;
        drawSoon();
      }, GRACE_MS);
    }
  },
});
draw();
letFieldsRest();
