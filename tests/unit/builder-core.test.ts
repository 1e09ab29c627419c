import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Cache, cacheFolder, cacheKey, chooseEvictions } from '../../builder/cache.ts';
import { CHECKOUT } from '../../builder/context.ts';
import { requiredDebianPackages } from '../../builder/debian-packages.ts';
import { parseStatus } from '../../builder/debian-tree.ts';
import { chooseModules, moduleDepends } from '../../builder/kernel-modules.ts';
import { lockFolder } from '../../builder/lock.ts';
import { debianSources, sourceLine, sourcesFromApt, withSecurityUpdates } from '../../builder/mirror.ts';
import { client } from '../../builder/profiles/client.ts';
import { renderReport } from '../../builder/report.ts';
import { TOOLS } from '../../builder/requirements.ts';
import { assertNewEnough } from '../../builder/root-layer.ts';
import { groupFile, shadowFile } from '../../builder/users.ts';

t.test('equal inputs have equal keys, whatever the order of their members', (t) => {
  t.equal(cacheKey({ a: 1, b: { c: [1, 2], d: undefined } }), cacheKey({ b: { c: [1, 2] }, a: 1 }));
  t.not(cacheKey({ a: [1, 2] }), cacheKey({ a: [2, 1] }));
  t.end();
});

t.test('a fresh Debian gets every tool that a build asks for', async (t) => {
  const listed = new Set([...(await requiredDebianPackages()), 'apt', 'coreutils']);
  for (const tools of Object.values(TOOLS))
    for (const [tool, debianPackage] of Object.entries(tools))
      t.ok(listed.has(debianPackage), `${tool}: ${debianPackage}`);
});

t.test('the cache is where XDG says, and a relative path there does not count', (t) => {
  t.equal(cacheFolder({ XDG_CACHE_HOME: '/x' }), '/x/flexdeploy');
  t.match(cacheFolder({ XDG_CACHE_HOME: 'x' }), /\/\.cache\/flexdeploy$/);
  t.end();
});

t.test('what was not used for longest goes first; what this build used stays', (t) => {
  const items = [
    { path: 'new', bytes: 10, lastUsed: 3 },
    { path: 'old', bytes: 10, lastUsed: 1 },
    { path: 'mid', bytes: 10, lastUsed: 2 },
  ];
  t.same(chooseEvictions(items, 30, new Set()), []);
  t.same(
    chooseEvictions(items, 25, new Set()).map((i) => i.path),
    ['old'],
  );
  t.same(
    chooseEvictions(items, 5, new Set(['old'])).map((i) => i.path),
    ['mid', 'new'],
  );
  t.end();
});

t.test('a cache entry is made once, and a failed one leaves nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-cache-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const cache = new Cache(folder);
  let made = 0;
  const make = async (work: string) => {
    made++;
    await writeFile(join(work, 'x'), 'x');
  };
  const first = await cache.entry('k', { a: 1 }, make);
  const second = await cache.entry('k', { a: 1 }, make);
  t.same([first.hit, second.hit, made], [false, true, 1]);
  await t.rejects(
    cache.entry('k', { a: 2 }, async () => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  t.equal((await readdir(join(folder, 'entries'))).length, 1);
  t.same(await readdir(join(folder, 'work')), []);

  const fresh = new Cache(folder, { fresh: true });
  t.equal((await fresh.entry('k', { a: 1 }, make)).hit, false, '--fresh makes it again');
  t.equal((await fresh.entry('k', { a: 1 }, make)).hit, true, 'but only once a build');

  await utimes(first.folder, 0, 0);
  t.equal(await new Cache(folder).evict(0), (await stat(folder)) && 1 + '{"a":1}\n'.length);
  t.same(await readdir(join(folder, 'entries')), []);
});

t.test('a second build is refused with the process that runs the first', async (t) => {
  const folder = `/flexdeploy-test-${process.pid}`;
  const unlock = await lockFolder(folder);
  await t.rejects(lockFolder(folder), { message: `another build is running (process ${process.pid})`, hint: /Wait/ });
  unlock();
});

t.test("archives come from what this machine's apt uses, with the suite replaced", (t) => {
  const output = [
    'http://a/debian/|bookworm|main|Packages',
    'http://a/debian/|bookworm-updates|main|Packages',
    'http://s/debian-security/|bookworm-security|main|Packages',
    'http://other/|nodistro|main|Packages',
    'http://a/debian/|bookworm|main|Translations',
  ].join('\n');
  const sources = sourcesFromApt(output, 'bookworm', 'trixie', ['main']);
  t.same(sources.map(sourceLine), [
    'deb http://a/debian trixie main',
    'deb http://a/debian trixie-updates main',
    'deb http://s/debian-security trixie-security main',
  ]);
  t.same(sourcesFromApt(output, 'noble', 'trixie', ['main']), []);
  t.ok(withSecurityUpdates(sources, 'trixie'));
  t.end();
});

t.test('an archive that is named stands alone, or with the security archive that is named beside it', async (t) => {
  const options = { suite: 'trixie', firmware: true, mirror: 'http://a/debian' };
  const alone = await debianSources({ options });
  t.same(alone.map(sourceLine), ['deb http://a/debian trixie main non-free-firmware']);
  t.notOk(withSecurityUpdates(alone, 'trixie'));
  const both = await debianSources({ options: { ...options, securityMirror: 'http://a/debian-security/' } });
  t.equal(both.map(sourceLine)[1], 'deb http://a/debian-security trixie-security main non-free-firmware');
  t.ok(withSecurityUpdates(both, 'trixie'));
});

t.test('a kiosk with a WebKitGTK that needs OpenGL is not built, and it is said what to do', async (t) => {
  const webkit = (version: string) => [{ name: 'libwebkit2gtk-4.1-0', version, installedKib: 1 }];
  const { atLeast = {} } = client.root;
  await assertNewEnough(webkit('2.54.3-1~deb13u1'), atLeast);
  await t.rejects(assertNewEnough(webkit('2.52.6-1~deb13u1'), atLeast), {
    message: /2\.52\.6.*OpenGL/,
    hint: /security/,
  });
});

t.test('kernel modules: patterns, exceptions, and what the kept ones need', (t) => {
  t.same(moduleDepends(Buffer.from('\0license=GPL\0depends=cec,drm_kms_helper\0x')), ['cec', 'drm_kms_helper']);
  t.same(moduleDepends(Buffer.from('\0depends=\0')), []);
  const needs = new Map([
    ['kernel/drivers/gpu/i915.ko', ['drm', 'cec']],
    ['kernel/drivers/gpu/drm.ko', []],
    ['kernel/drivers/media/cec.ko', ['rc-core']],
    ['kernel/drivers/media/rc-core.ko', []],
    ['kernel/drivers/media/tuner.ko', []],
  ]);
  t.same(chooseModules(needs, { keep: ['**'], drop: ['drivers/media/**'] }), [
    'kernel/drivers/gpu/drm.ko',
    'kernel/drivers/gpu/i915.ko',
    'kernel/drivers/media/cec.ko',
    'kernel/drivers/media/rc-core.ko',
  ]);
  t.end();
});

t.test('the live image keeps the drivers of what a person touches, of disks and of network cards', (t) => {
  const wanted = [
    'hid/i2c-hid/i2c-hid-acpi.ko',
    'hid/usbhid/usbhid.ko',
    'i2c/busses/i2c-designware-pci.ko',
    'mfd/intel-lpss-pci.ko', // the I2C controllers that the touchpad of a laptop hangs off
    'mmc/host/sdhci-pci.ko',
    'net/ethernet/intel/e1000e/e1000e.ko',
    'net/ethernet/realtek/r8169.ko',
    'net/usb/r8152.ko',
    'nvme/host/nvme.ko',
    'pci/controller/vmd.ko', // Intel's RAID controllers of laptops
  ].map((path) => `kernel/drivers/${path}`);
  const needs = new Map([...wanted, 'kernel/drivers/mfd/wm831x.ko'].map((path) => [path, []]));
  t.same(chooseModules(needs, client.modules), wanted);
  t.end();
});

t.test('accounts: fixed numbers, member of existing and new groups, locked', (t) => {
  const users = [{ name: 'kiosk', uid: 800, home: '/run/kiosk', groups: ['video', 'extra'] }];
  t.equal(
    groupFile('root:x:0:\nvideo:x:44:a\n', users),
    'root:x:0:\nvideo:x:44:a,kiosk\nkiosk:x:800:\nextra:x:900:kiosk\n',
  );
  t.equal(shadowFile('root::1:0:99999:7:::\n', users), 'root:!*:20454:0:99999:7:::\nkiosk:!*:20454::::::\n');
  t.end();
});

t.test('packages of a dpkg status file, sorted', (t) => {
  const text = 'Package: b\nVersion: 2\nInstalled-Size: 5\n\nPackage: a\nVersion: 1:1-1\n\n';
  t.same(parseStatus(text), [
    { name: 'a', version: '1:1-1', installedKib: 0 },
    { name: 'b', version: '2', installedKib: 5 },
  ]);
  t.end();
});

t.test('the report names the largest package first', (t) => {
  const text = renderReport({
    profile: 'client',
    version: '0.1.0',
    suite: 'trixie',
    debug: false,
    date: '',
    files: [{ name: 'initrd.img', bytes: 2_000_000, sha256: '' }],
    layers: [],
    packages: parseStatus(
      'Package: small\nVersion: 1\nInstalled-Size: 1\n\nPackage: large\nVersion: 1\nInstalled-Size: 9000\n',
    ),
  });
  t.match(text, /2\.0 MB {2}initrd\.img[\s\S]*9\.2 MB {2}large 1[\s\S]*small 1/);
  t.end();
});

t.test('ramdisk_size: the kernel line is believed only where it makes sense', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flexdeploy-ramdisk-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const script = join(CHECKOUT, 'image-overlay/client/usr/lib/flexdeploy/ramdisk');
  const size = async (line: string) => {
    await writeFile(join(folder, 'cmdline'), line);
    const env = { ...process.env, FLEXDEPLOY_CMDLINE: join(folder, 'cmdline') };
    return execFileSync('sh', [script], { env, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  };
  t.equal(await size('quiet ramdisk_size=200000 x'), '200000');
  for (const bad of [
    'quiet',
    'ramdisk_size=',
    'ramdisk_size=-1',
    'ramdisk_size=1e6',
    'ramdisk_size=99999999999',
    'ramdisk_size=10',
    'ramdisk_size=$(reboot)',
    'ramdisk_size=*',
  ]) {
    t.equal(await size(bad), '134857', bad);
  }
});
