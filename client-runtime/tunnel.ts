/** The PC's end of the tunnel to the server: there while somebody is logged in. */
import type { TunnelConfig } from '#common/protocol/client-server.ts';
import { run } from '#common/run.ts';
import { bringUp, takeDown } from '#common/wireguard/interface.ts';

/** The interface on the PC. */
export const TUNNEL_NAME = 'flexdeploy0';

/** Up and down never run at the same time: the last one asked for is the one that counts. */
export class Tunnel {
  #last: Promise<unknown> = Promise.resolve();

  /** @param host where the server was reached by HTTPS, unless the configuration names another endpoint */
  up(config: TunnelConfig, privateKey: string, host: string): Promise<void> {
    return this.#next(async () => {
      await bringUp({
        name: TUNNEL_NAME,
        address: `${config.address}/32`,
        privateKey,
        mtu: config.mtu,
        peers: [
          {
            publicKey: config.serverPublicKey,
            allowedIps: [`${config.serverAddress}/32`],
            endpoint: { host: config.endpointHost ?? host, port: config.endpointPort },
            keepaliveSeconds: config.keepaliveSeconds,
          },
        ],
      });
      // Only the server itself: a PC's own network may use the same addresses as the rest of the tunnel.
      await run(['ip', 'route', 'replace', `${config.serverAddress}/32`, 'dev', TUNNEL_NAME]);
    });
  }

  down(): Promise<void> {
    return this.#next(() => takeDown(TUNNEL_NAME));
  }

  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(() => {});
    return done;
  }
}
