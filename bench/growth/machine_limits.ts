/** How many connections this machine lets one process have. @module */

/** File descriptors that a process needs besides its connections. */
const OTHER_FILES = 200;
/** Where nobody tells. */
const USUAL_FILES = 1024;
/** Ports of one address for connections to one other. */
const USUAL_PORTS = 28_000;

/** @returns the least of what the limits of files and the range of ports allow. */
export function connectionsPossible(): number {
  const files = numbersIn("/proc/self/limits", /^Max open files\s+(\d+)/m)?.[0] ?? USUAL_FILES;
  const range = numbersIn("/proc/sys/net/ipv4/ip_local_port_range", /(\d+)\s+(\d+)/);
  const ports = range === undefined ? USUAL_PORTS : range[1] - range[0];
  return Math.min(files - OTHER_FILES, ports);
}

function numbersIn(file: string, pattern: RegExp): number[] | undefined {
  try {
    return pattern.exec(Deno.readTextFileSync(file))?.slice(1).map(Number);
  } catch {
    return undefined;
  }
}
