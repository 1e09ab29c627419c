/** Every profile there is. */
import type { Profile } from '../profile.ts';
import { client } from './client.ts';

export const PROFILES: readonly Profile[] = [client];
