/** What this machine says of itself: name, system, load, memory, addresses. Read from the system once for each reading.
 * The same on all systems but for the load averages, which Windows does not keep. @module */

import { cpus } from "node:os";

export interface StationFacts {
  readonly host: string;
  readonly os: OperatingSystem;
  readonly cpu: Processor;
  readonly memory: Memory;
  readonly network: readonly NetworkAddress[];
  /** Since the machine was started. */
  readonly uptimeS: number;
  /** When this was read: "2026-01-31T12:00:00.000Z". */
  readonly time: string;
}

export interface OperatingSystem {
  /** "linux", "windows", "darwin" */
  readonly name: string;
  readonly release: string;
  readonly architecture: string;
}

export interface Processor {
  readonly model: string;
  readonly cores: number;
  /** 0–100 of all cores, since the reading before; null = the first reading, there was none to compare with. */
  readonly busyPercent: number | null;
  /** Means over 1, 5 and 15 minutes; null where the system does not keep them (Windows). */
  readonly loadAverages: readonly number[] | null;
}

export interface Memory {
  readonly totalBytes: number;
  /** What programs could still get, caches given back. */
  readonly availableBytes: number;
  readonly usedPercent: number;
  readonly swapTotalBytes: number;
  readonly swapFreeBytes: number;
}

export interface NetworkAddress {
  readonly interface: string;
  readonly family: "IPv4" | "IPv6";
  readonly address: string;
  readonly mac: string;
}

/** Milliseconds that all cores together worked, and did nothing, since the machine was started. */
export interface CpuTimes {
  readonly busyMs: number;
  readonly idleMs: number;
}

/** Reads the facts, and remembers the processor's times for the next reading. */
export class FactsReader {
  #before: CpuTimes | undefined;

  read(): StationFacts {
    const processors = cpus();
    const times = timesOf(processors.map(({ times }) => times));
    const before = this.#before;
    this.#before = times;
    return {
      host: Deno.hostname(),
      os: { name: Deno.build.os, release: Deno.osRelease(), architecture: Deno.build.arch },
      cpu: {
        model: processors[0]?.model.trim() ?? "",
        cores: processors.length,
        busyPercent: before === undefined ? null : busyPercent(before, times),
        // There they are zeros, which would look like a machine at rest.
        loadAverages: Deno.build.os === "windows" ? null : Deno.loadavg().map(twoDecimals),
      },
      memory: memory(),
      network: Deno.networkInterfaces().filter(({ address }) => isOfUse(address)).map(
        ({ name, family, address, mac }) => ({ interface: name, family, address, mac }),
      ),
      uptimeS: Math.floor(Deno.osUptime()),
      time: new Date().toISOString(),
    };
  }
}

function timesOf(cores: readonly { user: number; nice: number; sys: number; idle: number; irq: number }[]): CpuTimes {
  let [busyMs, idleMs] = [0, 0];
  for (const { user, nice, sys, idle, irq } of cores) {
    busyMs += user + nice + sys + irq;
    idleMs += idle;
  }
  return { busyMs, idleMs };
}

/** @returns 0–100 with one decimal; null when no time has passed, or the system counts none. */
export function busyPercent(before: CpuTimes, now: CpuTimes): number | null {
  const busyMs = Math.max(0, now.busyMs - before.busyMs);
  const allMs = busyMs + Math.max(0, now.idleMs - before.idleMs);
  return allMs === 0 ? null : Math.round(1000 * busyMs / allMs) / 10;
}

function memory(): Memory {
  const { total, available, swapTotal, swapFree } = Deno.systemMemoryInfo();
  return {
    totalBytes: total,
    availableBytes: available,
    usedPercent: total === 0 ? 0 : Math.round(1000 * (total - available) / total) / 10,
    swapTotalBytes: swapTotal,
    swapFreeBytes: swapFree,
  };
}

/** Not those that are the same on every machine, or mean nothing beyond their cable. */
export function isOfUse(address: string): boolean {
  return !/^(127\.|169\.254\.|::1$|fe[89ab][0-9a-f]:)/i.test(address);
}

function twoDecimals(value: number): number {
  return Math.round(100 * value) / 100;
}
