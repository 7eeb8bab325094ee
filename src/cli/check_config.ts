/** `check-config`: is the configuration right? Starts nothing. @module */

import type { LoadedConfig } from "../config/load.ts";
import type { Terminal } from "./terminal.ts";

/** Reached only when loading found no problem. */
export function checkConfigCommand(loaded: LoadedConfig, terminal: Terminal): void {
  const given = loaded.values.filter((value) => value.origin !== "default").length;
  terminal.print(`the configuration is right (${given} of ${loaded.values.length} keys set, the others at defaults)`);
}
