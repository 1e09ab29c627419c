import t from 'tap';
import { consoleText } from '../../server/console-text.ts';

const facts = {
  version: '1.2.3',
  serverName: 'school',
  addresses: ['192.168.1.10', 'fd00::10'],
  port: 443,
  caFingerprint: 'sha256:abc',
  problems: [],
};

t.test('the console shows where the server is and what its CA is', async (t) => {
  const text = consoleText(facts);
  t.match(text, /FlexDeploy server 1\.2\.3 \(school\)/);
  t.match(text, /Address +192\.168\.1\.10 {2}\[fd00::10\]\n/);
  t.match(text, /CA fingerprint +sha256:abc\n/);
  t.notMatch(text, /Set-up code|PROBLEM/);
});

t.test('before the first account it shows the command to type on another computer', async (t) => {
  const text = consoleText({ ...facts, port: 8443, setupCode: 'ABCD-EFGH' });
  t.match(text, /Set-up code: ABCD-EFGH/);
  t.match(
    text,
    /flexdeploy setup --server 192\.168\.1\.10:8443 \\\n.*--ca sha256:abc \\\n.*--code ABCD-EFGH --user admin/,
  );
});

t.test('what keeps the server from working is shown with what to do', async (t) => {
  const problems = [{ problem: 'there is no storage: no blank disk', hint: 'Add a disk.' }, { problem: 'no /dev/kvm' }];
  t.match(consoleText({ ...facts, problems }), /PROBLEM: there is no storage: no blank disk\n {4}Add a disk\.\n/);
  t.match(consoleText({ ...facts, problems }), /PROBLEM: no \/dev\/kvm\n/);
});
