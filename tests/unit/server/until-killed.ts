/** The server as a process of its own, for the test that kills it. Argument: the folder to keep everything in. */
import { join } from 'node:path';
import { pino } from 'pino';
import { VERSION } from '#common/version.ts';
import { startServer } from '../../../server/server.ts';
import { MemoryHosting } from './memory-hosting.ts';

const folder = process.argv[2] ?? '';
await startServer({
  stateFolder: join(folder, 'state'),
  runtimeFolder: join(folder, 'run'),
  host: '127.0.0.1',
  port: 0,
  version: VERSION,
  hosting: new MemoryHosting(),
  log: pino({ level: 'silent' }),
});
