import { run } from '#common/run.ts';

/**
 * What the disk says about its own health (SMART, or NVMe's critical warnings). Many disks say nothing, virtual ones
 * among them: only a plain "failing" counts.
 */
export async function isFailing(device: string): Promise<boolean> {
  try {
    // smartctl's exit status is a set of bits about the disk, see smartctl(8): the JSON is read whatever they are
    const everyStatus = Array.from({ length: 256 }, (_, code) => code);
    const { stdout } = await run(['smartctl', '--json', '--health', device], {
      timeoutMs: 15_000,
      okExitCodes: everyStatus,
    });
    return saysFailing(stdout);
  } catch {
    return false;
  }
}

export function saysFailing(json: string): boolean {
  try {
    return (JSON.parse(json) as { smart_status?: { passed?: boolean } }).smart_status?.passed === false;
  } catch {
    return false;
  }
}
