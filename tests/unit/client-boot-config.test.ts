import fc from 'fast-check';
import t from 'tap';
import { parseBootConfig } from '#common/boot-config.ts';
import { readJsonText } from '#common/json-text.ts';

const FINGERPRINT = `sha256:${'ab'.repeat(32)}`;

t.test('a right file has no problems and comes back as it is', async (t) => {
  const config = {
    server: 'desktops.example.org:8443',
    ca: FINGERPRINT,
    keyboard: 'pt',
    language: 'pt',
    pcName: 'lab-7',
    network: { mode: 'static', address: '10.0.0.7/24', gateway: '10.0.0.1', dns: ['10.0.0.1'] },
  };
  t.strictSame(parseBootConfig(JSON.stringify(config)), { config, problems: [] });
  t.strictSame(parseBootConfig(`\ufeff${JSON.stringify(config)}\r\n`), { config, problems: [] }, 'with Notepad’s mark');
  t.strictSame(parseBootConfig('{}'), { config: {}, problems: [] });
});

t.test('each problem is told in words, and the rest still counts', async (t) => {
  const cases: [text: string, key: string, problem: RegExp, allowed: RegExp, kept: object][] = [
    [
      '{"sever":"a","language":"pt"}',
      'sever',
      /no key "sever"; did you mean "server"\?/,
      /server, ca/,
      { language: 'pt' },
    ],
    ['{"frobnicate":1}', 'frobnicate', /^there is no key "frobnicate"$/, /^server, ca/, {}],
    ['{"server":12,"language":"en"}', 'server', /12 is not text in double quotes/, /host name/, { language: 'en' }],
    ['{"server":"https://a/"}', 'server', /"https:\/\/a\/" is not possible/, /host name or address/, {}],
    ['{"server":"a:70000"}', 'server', /port 70000 is not between/, /host name/, {}],
    ['{"ca":"sha256:12"}', 'ca', /not possible/, /fingerprint that the server shows/, {}],
    ['{"ca":"-----BEGIN CERTIFICATE-----\\nAA"}', 'ca', /cannot be read/, /PEM/, {}],
    ['{"keyboard":"xx"}', 'keyboard', /"xx" is not possible/, /one of us, gb, pt/, {}],
    ['{"pcName":"my pc"}', 'pcName', /"my pc"/, /letters, digits and -/, {}],
    ['{"network":"dhcp"}', 'network', /"dhcp" is not an object/, /"mode":"static"/, {}],
    ['{"network":{}}', 'network.mode', /missing/, /"dhcp" or "static"/, {}],
    ['{"network":{"mode":"auto"}}', 'network.mode', /"auto" is not possible/, /"dhcp" or "static"/, {}],
    ['{"network":{"mode":"static"}}', 'network.address', /missing/, /address\/prefix/, {}],
    ['{"network":{"mode":"static","address":"300.0.0.1/24"}}', 'network.address', /300.0.0.1/, /prefix such as/, {}],
    ['{"network":{"mode":"static","address":"10.0.0.1/33"}}', 'network.address', /\/1 to \/32/, /prefix such as/, {}],
    [
      '{"network":{"mode":"static","address":"10.0.0.1/8","gateway":"10.0.0"}}',
      'network.gateway',
      /"10.0.0"/,
      /an IPv4 address/,
      { network: { mode: 'static', address: '10.0.0.1/8' } },
    ],
    [
      '{"network":{"mode":"static","address":"10.0.0.1/8","dns":"1.1.1.1"}}',
      'network.dns',
      /not a list in \[ \]/,
      /a list of an IPv4 address .*at most 3/,
      { network: { mode: 'static', address: '10.0.0.1/8' } },
    ],
    ['[1]', '', /\[1\] is not an object/, /JSON text such as/, {}],
    ['', '', /line 1, column 1: the file is empty/, /JSON text/, {}],
    ['{\n  "language": "pt",\n}', '', /line 2, column 19: one comma too many before \}/, /JSON/, { language: 'pt' }],
    ['{"language":"pt"\n"server":"a"}', '', /line 2, column 1: expected , or \}/, /JSON/, { language: 'pt' }],
    ["{'language':'pt'}", '', /line 1, column 2: expected a key in double quotes/, /JSON/, {}],
    ['{"language":pt}', '', /column 13: text must be between double quotes: "pt"/, /JSON/, {}],
    ['{"language":"pt" // x\n}', '', /column 18: expected , or \}, found "\/"/, /JSON/, { language: 'pt' }],
    [
      '{"language":"pt","server":"a',
      '',
      /column 27: a text that starts here has no closing/,
      /JSON/,
      { language: 'pt' },
    ],
    ['{"language":"pt","pcName":"a\\z"}', '', /column 29: a backslash .* twice/, /JSON/, { language: 'pt' }],
    ['{"language":"pt"', '', /column 17: expected , or \}, found the end of the file/, /JSON/, { language: 'pt' }],
    ['{"language":"en","language":"pt"}', '', /"language" is there twice/, /JSON/, { language: 'pt' }],
  ];
  for (const [text, key, problem, allowed, kept] of cases) {
    const parsed = parseBootConfig(text);
    t.equal(parsed.problems.length, 1, text);
    t.match(parsed.problems[0], { key, problem, allowed }, text);
    t.strictSame(parsed.config, kept, text);
  }
});

t.test('a file that is too big is refused', async (t) => {
  t.match(parseBootConfig(' '.repeat(70_000)).problems, [{ key: '', problem: /69 KiB/ }]);
});

t.test('the reader agrees with JSON.parse on everything that is JSON', async () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => {
      const read = readJsonText(text);
      const twice = read.problems.some((p) => p.problem.includes('twice'));
      return twice || JSON.stringify(read.value) === JSON.stringify(JSON.parse(text));
    }),
    { numRuns: 2000 },
  );
});

t.test('any text is survived, and only JSON has no problems', async () => {
  const pieces = fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', '"server"', 'null', '1', ' ', '\n', '/*');
  const text = fc.oneof(
    fc.string(),
    fc.array(pieces).map((p) => p.join('')),
  );
  fc.assert(
    fc.property(text, (source) => {
      parseBootConfig(source);
      let isJson = true;
      try {
        JSON.parse(source);
      } catch {
        isJson = false;
      }
      return isJson || readJsonText(source).problems.length > 0;
    }),
    { numRuns: 5000 },
  );
});
