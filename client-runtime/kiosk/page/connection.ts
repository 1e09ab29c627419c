/**
 * The page's end of the WebSocket `/kiosk`. States come whole, so a new connection needs no catching up;
 * a lost one is made again by itself, for ever.
 */
import type { KioskCommand, KioskState } from '../protocol.ts';

/** Milliseconds between two attempts: at once, then slower, so that a PC that is busy starting is left in peace. */
const RETRY_MS = [200, 500, 1000, 2000] as const;

/** A runtime that restarts says nothing at all: give up on an attempt after this long. */
const CONNECT_TIMEOUT_MS = 5000;

export interface Connection {
  /** Sends a command; false if there is nobody to hear it just now (nothing is kept for later: a person may have gone). */
  send(command: KioskCommand): boolean;
}

export interface ConnectionEvents {
  onState(state: KioskState): void;
  onConnected(connected: boolean): void;
}

export function connect(url: string, events: ConnectionEvents): Connection {
  let socket: WebSocket | undefined;
  let failures = 0;

  const open = () => {
    const current = new WebSocket(url);
    socket = current;
    const timer = setTimeout(() => current.close(), CONNECT_TIMEOUT_MS);
    current.onopen = () => {
      clearTimeout(timer);
      failures = 0;
      events.onConnected(true);
    };
    current.onmessage = (message) => {
      const state = parseState(message.data);
      if (state) events.onState(state);
      else console.error('not a kiosk state', message.data);
    };
    current.onclose = () => {
      clearTimeout(timer);
      events.onConnected(false);
      setTimeout(open, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
    };
  };
  open();

  return {
    send(command) {
      if (socket?.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(command));
      return true;
    },
  };
}

/**
 * The page and the runtime come from one image and the runtime checks what it sends, so this only keeps out what is
 * not a state at all; the schema library would be ten times the rest of the page.
 */
function parseState(data: unknown): KioskState | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const state = JSON.parse(data) as KioskState | null;
    return typeof state?.screen?.kind === 'string' ? state : undefined;
  } catch {
    return undefined;
  }
}
