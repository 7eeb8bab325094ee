/** `version`, `--version`. @module */

import { VERSION } from "../config/version.ts";
import type { Terminal } from "./terminal.ts";

export function showVersion(terminal: Terminal): void {
  terminal.print(`quetzal ${VERSION} (deno ${Deno.version.deno}, ${Deno.build.target})`);
}
