/** The load generator as a process, on the last core alone where the system can do that: a broker then has the others
 * for itself, and each run loses the same to the generator. @module */

import type { LoadJob, LoadResult } from "./load/job.ts";

const MAIN = new URL("load/main.ts", import.meta.url);

/** @returns the core, or undefined where processes cannot be pinned or there is one core only. */
export function lastCore(): number | undefined {
  const core = navigator.hardwareConcurrency - 1;
  if (core === 0) return undefined;
  try {
    const args = ["-c", String(core), "true"];
    const { success } = new Deno.Command("taskset", { args, stdout: "null", stderr: "null" }).outputSync();
    return success ? core : undefined;
  } catch {
    return undefined;
  }
}

/** @throws when the generator could not go on: a broker that ended or broke the protocol. */
export async function generateLoad(job: LoadJob, core: number | undefined): Promise<LoadResult> {
  const deno = [Deno.execPath(), "run", "-A", "--no-check", MAIN.href, JSON.stringify(job)];
  const [program, ...args] = core === undefined ? deno : ["taskset", "-c", String(core), ...deno];
  const process = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
  const { success, stdout } = await process.output();
  if (!success) throw new Error("the load generator ended before it was through");
  return JSON.parse(new TextDecoder().decode(stdout)) as LoadResult;
}
