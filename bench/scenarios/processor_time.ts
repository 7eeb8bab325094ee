/** How much processor time processes have used, where the system tells it in a file: on Linux. @module */

import { cpuUsage } from "node:process";

/** The unit of times in /proc/…/stat: USER_HZ is 100 on every machine that Deno runs on. */
const LINUX_TICK_MS = 10;

/** Processor time; undefined where the system does not tell it in a file. */
export interface ProcessorMs {
  /** This process. */
  readonly generator: number;
  readonly broker: number | undefined;
  /** All processes, and what the system did for nobody in particular. */
  readonly machine: number | undefined;
}

export function processorMs(brokerPid: number): ProcessorMs {
  const { user, system } = cpuUsage();
  const generator = (user + system) / 1000;
  try {
    // The name of the program, in brackets, may hold spaces: what counts is behind it.
    const stat = Deno.readTextFileSync(`/proc/${brokerPid}/stat`).split(") ")[1].split(" ");
    const [user, nice, system, , , irq, softirq, stolen] = Deno.readTextFileSync("/proc/stat").split(/\s+/, 9).slice(1)
      .map(Number);
    return {
      generator,
      broker: (Number(stat[11]) + Number(stat[12])) * LINUX_TICK_MS,
      machine: (user + nice + system + irq + softirq + stolen) * LINUX_TICK_MS,
    };
  } catch {
    return { generator, broker: undefined, machine: undefined };
  }
}

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
