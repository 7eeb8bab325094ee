/** Network addresses as text. Room: pure. @module */

/** true for 127.0.0.0/8, ::1 and localhost, with or without brackets: addresses that only this machine can reach. */
export function isLoopbackHost(host: string): boolean {
  const name = plainHost(host).toLowerCase();
  if (name === "localhost" || name === "::1" || name === "0:0:0:0:0:0:0:1") return true;
  const parts = name.split(".");
  return parts.length === 4 && parts[0] === "127" &&
    parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
}

/** Without brackets, and an IPv4 address that came through an IPv6 socket (`::ffff:10.0.0.1`) as IPv4: rules and logs
 * shall know a host by one name. */
export function plainHost(host: string): string {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  return mapped === null ? bare : mapped[1];
}

/** "127.0.0.1:1883", "[::1]:1883" */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
