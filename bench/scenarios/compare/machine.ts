/** Which machine this is, and of which commit the project: what a figure is worth nothing without. @module */

import { cpus, release, totalmem } from "node:os";
import type { Machine } from "./summary.ts";

const ROOT = new URL("../../../", import.meta.url);
const GIB = 2 ** 30;
const SYSTEMS: Readonly<Record<string, string>> = { linux: "Linux", darwin: "macOS", windows: "Windows" };

/** @param brokerCore undefined where nothing can be pinned. */
export function thisMachine(brokerCore: number | undefined, loadCore: number | undefined): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "an unknown processor",
    cores: navigator.hardwareConcurrency,
    memoryGiB: Math.round(totalmem() / GIB),
    system: `${SYSTEMS[Deno.build.os] ?? Deno.build.os} ${release()}`,
    deno: Deno.version.deno,
    pinning: brokerCore === undefined
      ? "nothing is pinned to a core"
      : `brokers on core ${brokerCore}, the generator on core ${loadCore}`,
  };
}

/** @returns the short commit, with a + when something is not committed; "unknown" outside of a repository. */
export function thisCommit(): string {
  try {
    const commit = git("rev-parse", "--short=10", "HEAD");
    return commit + (git("status", "--porcelain", "--untracked-files=no", "--", "src", "main.ts") === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}

function git(...args: string[]): string {
  const { success, stdout } = new Deno.Command("git", { args, cwd: ROOT, stderr: "null" }).outputSync();
  if (!success) throw new Error("no repository");
  return new TextDecoder().decode(stdout).trim();
}
