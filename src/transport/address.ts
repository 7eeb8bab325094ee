/** Network addresses as text. Room: pure. @module */

const LOOPBACK_V4 = /^127(\.(25[0-5]|2[0-4]\d|[01]?\d?\d)){3}$/;

/** true for 127.0.0.0/8, ::1 and localhost, with or without brackets: addresses that only this machine can reach. */
export function isLoopbackHost(host: string): boolean {
  const name = plainHost(host).toLowerCase();
  if (name === "localhost" || name === "::1" || name === "0:0:0:0:0:0:0:1") return true;
  return LOOPBACK_V4.test(name);
}

/** Without brackets, and an IPv4 address that came through an IPv6 socket (`::ffff:10.0.0.1`) as IPv4: rules and logs
 * shall know a host by one name. */
export function plainHost(host: string): string {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  return mapped === null ? bare : mapped[1];
}

/** "127.0.0.1:1883", "[::1]:1883" */
export function hostAndPort(host: string, port: number | string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
