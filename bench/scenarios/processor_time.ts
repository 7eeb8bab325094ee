/** How much processor time another process has used, where the system tells it in a file: on Linux. @module */

/** All its threads so far, in ms, finer than in /proc/…/stat; undefined: the system does not tell. */
export function threadsMs(pid: number): number | undefined {
  try {
    let ns = 0;
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      ns += Number(Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`).split(" ")[0]);
    }
    return ns / 1_000_000;
  } catch {
    return undefined;
  }
}

/** In bytes; undefined: the system does not tell. */
export function rssOf(pid: number): number | undefined {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
