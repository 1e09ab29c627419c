/**
 * What somebody can try who is root inside a PC: a stick can be changed by whoever holds it, so only the server's side
 * counts. Raw connections and requests, made inside the PC through its debug shell.
 */
import type { Machine } from './machine.ts';
import { inNode, nodeCommand } from './own-node.ts';

/** Whether a TCP connection from inside a PC comes about. `from` is the source address. */
export async function connects(pc: Machine, host: string, port: number, from?: string): Promise<boolean> {
  const target = JSON.stringify({ host, port, timeout: 6000, ...(from && { localAddress: from }) });
  const output = await inNode(
    pc,
    `const s = require('node:net').connect(${target});
     const end = (word) => { console.log(word); process.exit(0); };
     s.on('connect', () => end('OPEN')).on('timeout', () => end('NO ANSWER')).on('error', (e) => end('NO ' + e.code));`,
  );
  const word = output.trim().split('\n').at(-1) ?? '';
  if (word !== 'OPEN' && !word.startsWith('NO ')) throw new Error(`the attempt itself failed: ${output}`);
  return word === 'OPEN';
}

/**
 * Whether a SPICE server answers there. More than a connection: where the lab's own network is a proxy, every connection
 * to anywhere comes about.
 */
export async function speaksSpice(pc: Machine, host: string, port: number): Promise<boolean> {
  const target = JSON.stringify({ host, port, timeout: 6000 });
  // SpiceLinkHeader (magic, version 2.2, size) and SpiceLinkMess of a main channel without capabilities
  const output = await inNode(
    pc,
    `const s = require('node:net').connect(${target});
     const end = (word) => { console.log(word); process.exit(0); };
     const hello = Buffer.alloc(34);
     hello.write('REDQ'); hello.writeUInt32LE(2, 4); hello.writeUInt32LE(2, 8); hello.writeUInt32LE(18, 12);
     hello.writeUInt8(1, 20); hello.writeUInt32LE(18, 30);
     s.on('connect', () => s.write(hello)).on('data', (d) => end(d.toString('latin1', 0, 4) === 'REDQ' ? 'SPICE' : 'NO SPICE'));
     s.on('timeout', () => end('NO ANSWER')).on('error', (e) => end('NO ' + e.code)).on('end', () => end('NO MORE'));`,
  );
  const word = output.trim().split('\n').at(-1) ?? '';
  if (word !== 'SPICE' && !word.startsWith('NO ')) throw new Error(`the attempt itself failed: ${output}`);
  return word === 'SPICE';
}

/** Leaves a program listening inside a PC. */
export async function listen(pc: Machine, address: string, port: number): Promise<void> {
  const program = `require("node:http").createServer((q, a) => a.end()).listen(${port}, "${address}")`;
  await pc.shell(`setsid ${nodeCommand(program)} >/dev/null 2>&1 & sleep 3`);
}

export interface Answer {
  status: number;
  body: string;
}

/** API requests from inside a PC, one after the other, in a session that a person's password got. */
export async function askApi(
  pc: Machine,
  server: string,
  person: { user: string; password: string },
  requests: readonly { method: string; path: string }[],
): Promise<Answer[]> {
  const [host, port] = server.split(':');
  const login = JSON.stringify({ user: person.user, password: person.password });
  const output = await inNode(
    pc,
    `const { request } = require('node:https');
     const at = ${JSON.stringify({ host, port, rejectUnauthorized: false })};
     const ask = (method, path, token, body) => new Promise((resolve, reject) => {
       const headers = { ...(body && { 'content-type': 'application/json' }), ...(token && { authorization: 'Bearer ' + token }) };
       const r = request({ ...at, method, path: '/api/v1' + path, headers }, (answer) => {
         let text = '';
         answer.on('data', (d) => { text += d; }).on('end', () => resolve({ status: answer.statusCode, body: text }));
       });
       r.on('error', reject).end(body);
     });
     (async () => {
       const answer = await ask('POST', '/sessions', '', ${JSON.stringify(login)});
       const { token } = JSON.parse(answer.body);
       if (!token) throw new Error(answer.body);
       const answers = [];
       for (const { method, path } of ${JSON.stringify(requests)}) answers.push(await ask(method, path, token));
       await ask('DELETE', '/sessions/current', token);
       console.log('ANSWERS ' + JSON.stringify(answers));
     })();`,
  );
  const [, json] = /^ANSWERS (.*)$/m.exec(output) ?? [];
  if (!json) throw new Error(`the requests themselves failed: ${output}`);
  return JSON.parse(json) as Answer[];
}
