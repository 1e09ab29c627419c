/**
 * TCP ports on which something listens for other machines, from the output of `ss -Hltn`, in ascending order.
 * Listeners on loopback addresses do not count.
 */
export function listeningPorts(ss: string): number[] {
  const ports = new Set<number>();
  for (const line of ss.split('\n')) {
    // State Recv-Q Send-Q Local-Address:Port Peer-Address:Port
    const local = line.trim().split(/\s+/)[3] ?? '';
    const found = /^\[?(.*?)\]?(?:%[\w.-]+)?:(\d+)$/.exec(local);
    const [, address = '', port = ''] = found ?? [];
    if (!found || address.startsWith('127.') || address === '::1') continue;
    ports.add(Number(port));
  }
  return [...ports].sort((a, b) => a - b);
}
