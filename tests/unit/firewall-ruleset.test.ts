import t from 'tap';
import { elementOf, type Rules, renderRules } from '../../server/firewall/ruleset.ts';

const rules: Rules = {
  tunnelInterface: 'wg0',
  tunnelNetwork: '10.86.0.0/16',
  tunnelPort: 51820,
  openTcpPorts: [443, 22, 443],
  desktopUser: 801,
  openings: {
    viewers: [
      { peer: '10.86.0.2', port: 5900 },
      { peer: '10.86.1.9', port: 5901 },
    ],
    peers: [{ peer: '10.86.0.2', port: 20_001 }],
    departures: [{ peer: '10.86.0.2', port: 40_000 }],
  },
};

t.test('the whole table', async (t) => {
  t.matchSnapshot(renderRules(rules));
});

t.test('no openings: an empty set, not a broken one', async (t) => {
  t.notMatch(renderRules({ ...rules, openings: { viewers: [], peers: [], departures: [] } }), /elements/);
});

t.test('what comes from the tunnel is judged before established connections are let through', async (t) => {
  const text = renderRules(rules);
  t.ok(text.indexOf('jump from_tunnel') < text.indexOf('ct state established,related accept'));
  t.match(text, /policy drop/);
});

t.test('values that would change the rules are refused', async (t) => {
  t.throws(() => elementOf({ peer: '10.86.0.2 . 22 }', port: 5900 }));
  t.throws(() => elementOf({ peer: '10.86.0.2', port: 0 }));
  t.throws(() => renderRules({ ...rules, tunnelInterface: 'wg0" accept' }));
  t.throws(() => renderRules({ ...rules, tunnelNetwork: '0.0.0.0/0; accept' }));
  t.throws(() => renderRules({ ...rules, openTcpPorts: [70000] }));
  t.throws(() => renderRules({ ...rules, desktopUser: Number.NaN }));
});
