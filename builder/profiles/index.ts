/** Every profile there is. */
import type { Profile } from '../profile.ts';
import { client } from './client.ts';
import { desktop } from './desktop.ts';
import { probe } from './probe.ts';
import { server } from './server.ts';

export const PROFILES: readonly Profile[] = [client, server, desktop, probe];
