/** The page's line to its window: WebKit's message handler in our own window, a WebSocket in a browser's. */
import type { FromPage, ToPage } from './protocol.ts';

/** Between two attempts to reach the window's server, ms. */
const RETRY_MS = 1000;

interface WebKitWindow {
  webkit?: { messageHandlers?: { agent?: { postMessage(text: string): void } } };
  /** Called by our window. */
  fromAgent?: (message: ToPage) => void;
}

export interface Connection {
  send(message: FromPage): void;
}

export function connect(onMessage: (message: ToPage) => void): Connection {
  const host = window as unknown as WebKitWindow;
  const handler = host.webkit?.messageHandlers?.agent;
  if (handler === undefined) return overWebSocket(onMessage);
  host.fromAgent = onMessage;
  handler.postMessage('ready');
  return { send: (message) => handler.postMessage(JSON.stringify(message)) };
}

/** The token came in the address behind the #, which no server's log and no other page sees. */
function overWebSocket(onMessage: (message: ToPage) => void): Connection {
  const token = location.hash.slice(1);
  let socket: WebSocket | undefined;
  const open = () => {
    socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/agent`, [`token.${token}`]);
    socket.onmessage = ({ data }) => onMessage(JSON.parse(String(data)) as ToPage);
    socket.onclose = () => {
      onMessage({ say: 'noService', since: Date.now() });
      setTimeout(open, RETRY_MS);
    };
  };
  open();
  return { send: (message) => socket?.send(JSON.stringify(message)) };
}
