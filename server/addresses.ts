import { networkInterfaces } from 'node:os';

/** The addresses at which PCs may reach this machine, IPv4 first. Not: loopback, link-local, the tunnel. */
export function ownAddresses(): string[] {
  const all = Object.entries(networkInterfaces()).flatMap(([name, infos]) =>
    /^(wg|veth|docker|virbr|br-)/.test(name) ? [] : (infos ?? []),
  );
  const usable = all.filter((a) => !a.internal && !/^(fe80:|169\.254\.)/i.test(a.address));
  return [...usable.filter((a) => a.family === 'IPv4'), ...usable.filter((a) => a.family === 'IPv6')].map(
    (a) => a.address,
  );
}
