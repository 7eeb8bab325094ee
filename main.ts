/** The front door: `deno run -A main.ts [COMMAND] [OPTIONS]`. @module */

import { runCommandLine } from "./src/cli/run.ts";

// Not awaited: while a module waits at its top level, Deno goes through its event loop twice for each turn.
if (import.meta.main) runCommandLine(Deno.args).then(Deno.exit);
