import fc from 'fast-check';
import t from 'tap';
import { parseDump, renderConfig } from '#common/wireguard/interface.ts';
import { checkKey, generateKeys, publicKeyOf } from '#common/wireguard/keys.ts';

const keys = {
  // RFC 7748, section 6.1
  privateKey: Buffer.from('77076d0a7318a57d3c16c17251b26645df4c2f92ebc0995d94a6d3f7a8f17b2a', 'hex').toString('base64'),
  peer: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=',
};

t.test('a public key follows from the private one', async (t) => {
  const made = generateKeys();
  t.equal(publicKeyOf(made.privateKey), made.publicKey);
  t.not(generateKeys().privateKey, made.privateKey);
  // wg(8): echo yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk= | wg pubkey
  t.equal(publicKeyOf('yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk='), 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=');
});

t.test('what is not a key is refused', async (t) => {
  for (const bad of ['', 'x', `${'A'.repeat(43)}=\nPostUp = x`, 'A'.repeat(44), '(none)'])
    t.throws(() => checkKey(bad));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (b) => !!checkKey(Buffer.from(b).toString('base64'))),
  );
});

t.test('the configuration of both ends', async (t) => {
  t.equal(
    renderConfig({
      name: 'wg0',
      address: '10.86.0.2/16',
      privateKey: keys.privateKey,
      peers: [
        {
          publicKey: keys.peer,
          allowedIps: ['10.86.0.1/32'],
          endpoint: { host: '[2001:db8::1]', port: 51820 },
          keepaliveSeconds: 15,
        },
      ],
    }),
    [
      '[Interface]',
      `PrivateKey = ${keys.privateKey}`,
      '',
      '[Peer]',
      `PublicKey = ${keys.peer}`,
      'AllowedIPs = 10.86.0.1/32',
      'Endpoint = [2001:db8::1]:51820',
      'PersistentKeepalive = 15',
      '',
    ].join('\n'),
  );
});

t.test('values that the format cannot hold are refused', async (t) => {
  const config = { name: 'wg0', address: '10.86.0.2/16', privateKey: keys.privateKey };
  const peer = { publicKey: keys.peer, allowedIps: ['10.86.0.1/32'] };
  for (const bad of [
    { ...peer, allowedIps: ['10.86.0.1/33'] },
    { ...peer, allowedIps: ['10.86.0.1/32\nPrivateKey = x'] },
    { ...peer, endpoint: { host: 'a b', port: 1 } },
    { ...peer, endpoint: { host: 'ok', port: 70000 } },
    { ...peer, keepaliveSeconds: 1.5 },
  ])
    t.throws(() => renderConfig({ ...config, peers: [bad] }), JSON.stringify(bad));
});

t.test('wg show dump is read, without the key of the interface', async (t) => {
  const dump = [
    `${keys.privateKey}\t${keys.peer}\t51820\toff`,
    `${keys.peer}\t(none)\t192.0.2.1:4444\t10.86.0.2/32\t1700000000\t10\t20\t15`,
    `${keys.peer}\t(none)\t(none)\t(none)\t0\t0\t0\toff`,
    '',
  ].join('\n');
  t.strictSame(parseDump(dump), [
    {
      publicKey: keys.peer,
      endpoint: '192.0.2.1:4444',
      allowedIps: ['10.86.0.2/32'],
      latestHandshake: 1_700_000_000_000,
      receivedBytes: 10,
      sentBytes: 20,
    },
    {
      publicKey: keys.peer,
      endpoint: undefined,
      allowedIps: [],
      latestHandshake: undefined,
      receivedBytes: 0,
      sentBytes: 0,
    },
  ]);
  t.strictSame(parseDump('a\tb\t1\toff\n'), []);
});
