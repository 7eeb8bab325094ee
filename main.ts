/** The front door: `deno run -A main.ts [COMMAND] [OPTIONS]`. @module */

import { runCommandLine } from "./src/cli/run.ts";

if (import.meta.main) Deno.exit(await runCommandLine(Deno.args));
