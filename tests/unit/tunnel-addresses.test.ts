import fc from 'fast-check';
import t from 'tap';
import { isPcAddress, nextAddress } from '../../server/tunnel/addresses.ts';
import { DEAD_AFTER_MS, deadSessions } from '../../server/tunnel/tunnels.ts';

t.test('addresses are given in turn, and not given twice', async (t) => {
  t.equal(nextAddress(new Set(), undefined), '10.86.0.2');
  t.equal(nextAddress(new Set(), '10.86.0.2'), '10.86.0.3');
  t.equal(nextAddress(new Set(['10.86.0.3']), '10.86.0.2'), '10.86.0.4');
  t.equal(nextAddress(new Set(), '10.86.0.255'), '10.86.1.0');
  t.equal(nextAddress(new Set(), '10.86.255.254'), '10.86.0.2');
  const all = new Set(Array.from({ length: 65533 }, (_, i) => `10.86.${(i + 2) >> 8}.${(i + 2) & 255}`));
  t.equal(nextAddress(all, '10.86.3.4'), undefined);
  all.delete('10.86.200.7');
  t.equal(nextAddress(all, '10.86.3.4'), '10.86.200.7');
});

t.test('whatever is given is an address that a PC may have', async (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 2, max: 300 })), fc.integer({ min: 2, max: 65534 }), (parts, last) => {
      const taken = new Set(parts.map((p) => `10.86.${p >> 8}.${p & 255}`));
      const next = nextAddress(taken, `10.86.${last >> 8}.${last & 255}`);
      return next !== undefined && isPcAddress(next) && !taken.has(next);
    }),
  );
  for (const bad of ['10.86.0.0', '10.86.0.1', '10.86.255.255', '10.87.0.2', '10.86.0.256', '10.86.0.02', '']) {
    t.notOk(isPcAddress(bad), bad);
  }
});

t.test('a PC is dead when neither a handshake nor its log-in is recent', async (t) => {
  const now = 10_000_000;
  const tunnel = (sessionId: string, since: number) => ({ sessionId, publicKey: sessionId, address: '', since });
  const peer = (publicKey: string, latestHandshake: number | undefined) => ({
    publicKey,
    latestHandshake,
    endpoint: undefined,
    allowedIps: [],
    receivedBytes: 0,
    sentBytes: 0,
  });
  const old = now - DEAD_AFTER_MS - 1;
  const tunnels = [tunnel('new', now), tunnel('alive', old), tunnel('silent', old), tunnel('never', old)];
  const peers = [peer('new', undefined), peer('alive', now - 130_000), peer('silent', old), peer('never', undefined)];
  t.strictSame(deadSessions(tunnels, peers, now), ['silent', 'never']);
});
