import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Value } from 'typebox/value';
import { MachineFacts } from '#common/protocol/client-server.ts';
import { readBootConfig } from '../../client-runtime/boot-config-file.ts';
import type { NetworkFact } from '../../client-runtime/facts.ts';
import { renderSymbols } from '../../client-runtime/keyboard.ts';
import { gatherMachineFacts, parseCpuinfo } from '../../client-runtime/machine-facts.ts';
import { networkFact } from '../../client-runtime/network/links.ts';
import { renderNetwork } from '../../client-runtime/network/networkd.ts';
import { StatusLines } from '../../client-runtime/status-lines.ts';

const lo = { ifname: 'lo', link_type: 'loopback', flags: ['UP', 'LOWER_UP'], addr_info: [] };
const tunnel = { ifname: 'wg0', link_type: 'none', flags: ['LOWER_UP'], linkinfo: { info_kind: 'wireguard' } };
const bridge = {
  ifname: 'br0',
  link_type: 'ether',
  flags: ['LOWER_UP'],
  linkinfo: { info_kind: 'bridge' },
  addr_info: [{ local: '10.0.0.1', scope: 'global' }],
};
const card = (up: boolean, ...addresses: { local: string; scope: string }[]) => ({
  ifname: 'eth0',
  link_type: 'ether',
  address: '52:54:00:12:34:56',
  flags: up ? ['UP', 'LOWER_UP'] : ['UP', 'NO-CARRIER'],
  addr_info: addresses,
});

t.test('what the network cards mean', async (t) => {
  const unknown: NetworkFact = { kind: 'unknown' };
  const none = networkFact([lo, tunnel, bridge], unknown, 5);
  t.same(none, { kind: 'noNetworkCard', since: 5 });
  t.equal(networkFact([lo], none, 9), none, 'since when does not change');
  t.same(networkFact([lo, card(false)], none, 9), { kind: 'noCable', since: 9 });
  const linkLocal = { local: 'fe80::1', scope: 'link' };
  t.same(networkFact([lo, card(true, linkLocal)], unknown, 1), { kind: 'noAddress', since: 1 });
  t.same(networkFact([card(true, linkLocal, { local: '192.168.1.20', scope: 'global' })], none, 1), {
    kind: 'up',
    addresses: ['192.168.1.20'],
  });
});

t.test('the file for systemd-networkd', async (t) => {
  t.equal(renderNetwork(undefined), undefined);
  t.equal(renderNetwork({ mode: 'dhcp' }), undefined, 'DHCP is what the image does anyway');
  const text = renderNetwork({
    mode: 'static',
    address: '10.0.0.7/24',
    gateway: '10.0.0.1',
    dns: ['1.1.1.1', '9.9.9.9'],
  });
  t.match(text, /^Address=10\.0\.0\.7\/24\nGateway=10\.0\.0\.1\nDNS=1\.1\.1\.1\nDNS=9\.9\.9\.9$/m);
  t.notMatch(renderNetwork({ mode: 'static', address: '10.0.0.7/24' }), /Gateway|DNS/);
  t.throws(() => renderNetwork({ mode: 'static', address: '10.0.0.7/24\nDHCP=yes' }), /not an address/);
});

t.test('what this machine is fits the protocol', async (t) => {
  const said: string[] = [];
  const facts = await gatherMachineFacts({ name: 'lab-7', version: '0.1.0' }, (words) => said.push(words));
  t.ok(Value.Check(MachineFacts, facts), JSON.stringify([...Value.Errors(MachineFacts, facts)]));
  t.ok(facts.memoryKiB > 0);
  t.ok(facts.cpus > 0);
});

t.test('processors as the kernel tells them', async (t) => {
  const cpuinfo = 'processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 3 GHz\n';
  t.same(parseCpuinfo(cpuinfo), { cpuModel: 'Some CPU @ 3 GHz', cpus: 2 });
  t.same(parseCpuinfo(''), { cpuModel: '', cpus: 1 });
});

t.test('the keyboard layout file', async (t) => {
  t.match(renderSymbols('pt'), /include "pt"/);
  t.throws(() => renderSymbols('pt" } evil'), /not a keyboard layout/);
});

t.test('flexdeploy.json on the way in', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'flexdeploy.json');
  t.same(await readBootConfig(file), { config: {}, problems: [] }, 'none at all');
  await writeFile(file, '{"server":"desktops.example.org","language":"pt"}');
  t.match(await readBootConfig(file), { config: { language: 'pt' }, problems: [{ key: 'ca', problem: /missing/ }] });
  await writeFile(file, '{"server":"desktops.example.org","ca":"sha256:1"}');
  t.equal((await readBootConfig(file)).problems.length, 1, 'one problem is told once');
  t.match(await readBootConfig(folder), { problems: [{ key: '', problem: /cannot be read/ }] });
});

t.test('milestones go to the first console that takes them, once', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'console');
  await writeFile(file, '');
  const status = new StatusLines([join(folder, 'none', 'ttyS0'), file]);
  await status.reached('login-ready');
  await status.reached('login-ready');
  t.match(await readFile(file, 'utf8'), /^flexdeploy: login-ready \d+\.\d\d\r\n$/);
});
