/** Which processor core runs what, where the system can be told: on Linux, by `taskset`. @module */

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

/** @param core undefined: all of them.
 * @param isYielding it leaves the core to whoever else wants it.
 * @returns the same program on this core alone; its process id stays its own. */
export function pinned(command: readonly string[], core: number | undefined, isYielding = false): readonly string[] {
  if (core === undefined) return command;
  return ["taskset", "-c", String(core), ...(isYielding ? ["nice", "-n", "10"] : []), ...command];
}
