/** What the console of the server shows: who it is, where, and what to do first. Pure. */
import type { HostingProblem } from './hosting.ts';

export interface ConsoleFacts {
  version: string;
  serverName: string;
  /** Addresses at which PCs may reach it, best first. */
  addresses: string[];
  port: number;
  /** `sha256:HEX` */
  caFingerprint: string;
  /** There until the first administrator was made. */
  setupCode?: string;
  /** What keeps it from doing its work. */
  problems: readonly HostingProblem[];
}

export function consoleText(facts: ConsoleFacts): string {
  const at = (address: string) => {
    const host = address.includes(':') ? `[${address}]` : address;
    return facts.port === 443 ? host : `${host}:${facts.port}`;
  };
  const addresses = facts.addresses.map(at);
  const where = addresses.length === 0 ? 'no network address yet' : addresses.join('  ');
  const lines = [
    '',
    `FlexDeploy server ${facts.version} (${facts.serverName})`,
    '',
    `  Address         ${where}`,
    `  CA fingerprint  ${facts.caFingerprint}`,
    '',
  ];
  for (const { problem, hint } of facts.problems) {
    lines.push(`  PROBLEM: ${problem}`, ...(hint === undefined ? [] : [`    ${hint}`]), '');
  }
  if (facts.setupCode !== undefined) {
    lines.push(
      `  There is no account yet. Set-up code: ${facts.setupCode}`,
      '',
      '  Make the first administrator, on another computer:',
      `    flexdeploy setup --server ${addresses[0] ?? 'ADDRESS'} \\`,
      `      --ca ${facts.caFingerprint} \\`,
      `      --code ${facts.setupCode} --user admin`,
      '',
    );
  }
  return lines.join('\n');
}
