/** Waits for what a {@link Life} comes to, and says what it came to instead. */
import { until as waitUntil } from '../until.ts';
import type { Life } from './sim-life.ts';

export function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  life: Life,
  ms = 3_000,
): Promise<void> {
  return waitUntil(condition, async () => `${what}:\n${await describe(life)}`, ms);
}

export async function describe(life: Life): Promise<string> {
  const { server, pc, connectedTicks, acknowledged } = life.world;
  const row = await life.row();
  const lines = life.log.slice(-60).map((line) => {
    const { time: _, level: __, pid, hostname, ...rest } = JSON.parse(line);
    return JSON.stringify(rest).slice(0, 300);
  });
  return `${JSON.stringify({ server, pc, connectedTicks, acknowledged, row }, null, 1)}\n${lines.join('\n')}`;
}
