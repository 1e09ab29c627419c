import t from 'tap';
import { listeningPorts } from '../../builder/listening-ports.ts';

t.test('ports that other machines reach are found, loopback ones are not', async (t) => {
  const ss = `LISTEN 0      128          0.0.0.0:22         0.0.0.0:*
LISTEN 0      4096   127.0.0.53%lo:53         0.0.0.0:*
LISTEN 0      4096       127.0.0.1:631        0.0.0.0:*
LISTEN 0      128             [::]:22            [::]:*
LISTEN 0      511                *:8080             *:*
LISTEN 0      20             [::1]:25            [::]:*
LISTEN 0      20   [fe80::1]%eth0:546           [::]:*
LISTEN 0      4    192.168.1.5:5432        0.0.0.0:*
`;
  t.same(listeningPorts(ss), [22, 546, 5432, 8080]);
  t.same(listeningPorts(''), []);
  t.same(listeningPorts('something else'), []);
});
